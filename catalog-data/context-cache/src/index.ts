/*! SPDX-License-Identifier: Apache-2.0 */
import type { Context, Env, Handler } from '../../shared/handler.js';
import { allowMethods, Refusal, respond } from '../../shared/problem.js';
import { CacheEntry } from './cache.js';
import { type Settings, settingsOf } from './settings.js';
import { type Answer, ask, questionOf } from './upstream.js';

async function serve(request: Request, env: Env, ctx: Context): Promise<Response> {
  const settings = settingsOf(env.CONFIG);
  const question = questionOf(request);
  const entry = new CacheEntry(env.KV, settings.broker, question);
  const cached = await entry.read();
  const ageSeconds = cached === undefined ? Infinity : Math.max(0, (Date.now() - cached.storedAtMs) / 1000);
  if (cached !== undefined && ageSeconds < settings.maxAgeSeconds)
    return answerWith(cached, 'hit', ageSeconds);

  const answer = await ask(question, settings);
  if (!('outage' in answer)) {
    await remember(entry, answer, settings, ctx);
    return answerWith(answer, 'miss');
  }
  ctx.log.warn(`broker out of reach: ${answer.outage}`);
  if (cached !== undefined && ageSeconds < settings.maxAgeSeconds + settings.staleSeconds) {
    return answerWith(cached, 'stale', ageSeconds);
  }
  const detail = `The context broker cannot be reached (${answer.outage}), and no answer to this question is kept.`;
  throw new Refusal(504, 'broker-unreachable', detail, [], { 'x-cache': 'miss', 'retry-after': '5' });
}

/** What was found is kept; what is gone is forgotten, so that an outage does not bring it back. */
async function remember(
  entry: CacheEntry,
  answer: Answer,
  { maxAgeSeconds, staleSeconds }: Settings,
  ctx: Context,
): Promise<void> {
  if (answer.status === 404 || answer.status === 410) return entry.forget();
  if (answer.status !== 200) return;
  const isKept = await entry.write({ ...answer, storedAtMs: Date.now() }, maxAgeSeconds + staleSeconds);
  if (!isKept) ctx.log.warn('the answer was passed on but not kept: the key-value store refused it');
}

function answerWith(
  { status, headers, body }: Answer,
  cache: 'hit' | 'miss' | 'stale',
  ageSeconds?: number,
): Response {
  const response = new Response(status === 204 || status === 304 ? null : body, {
    status,
    headers: [...headers],
  });
  response.headers.set('x-cache', cache);
  // The cache is this one: a second one in the browser would hide `stale` from the application.
  response.headers.set('cache-control', 'no-store');
  if (ageSeconds !== undefined) response.headers.set('age', String(Math.floor(ageSeconds)));
  // RFC 7234 §5.5.1; gone from RFC 9111, but what clients of brokers know.
  if (cache === 'stale') response.headers.set('warning', '110 - "Response is Stale"');
  return response;
}

const handler: Handler = {
  fetch: (request, env, ctx) =>
    respond(() => {
      if (!new URL(request.url).pathname.startsWith('/ngsi-ld/')) {
        throw new Refusal(404, 'not-found', 'Only addresses under /ngsi-ld/ lead to the context broker.');
      }
      allowMethods(request, 'GET', 'HEAD');
      return serve(request, env, ctx);
    }),
};

export default handler;
