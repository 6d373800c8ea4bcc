/*! SPDX-License-Identifier: Apache-2.0 */
import type { Env, Handler } from '../../shared/handler.js';
import { allowMethods, json, Refusal, respond } from '../../shared/problem.js';
import { minuteMs } from './bucket.js';
import { maxBodyLength, parseReadings, parseTime } from './reading.js';
import { settingsOf } from './settings.js';
import { loadBuckets, storeReadings } from './store.js';
import { totalsOf } from './totals.js';

async function postReadings(request: Request, env: Env): Promise<Response> {
  const type = (request.headers.get('content-type') ?? '').split(';')[0]?.trim().toLowerCase();
  const isLines = type === 'application/x-ndjson' || type === 'application/jsonl';
  if (!isLines && type !== 'application/json') {
    const detail = 'Send readings as application/json, or one per line as application/x-ndjson.';
    throw new Refusal(415, 'unsupported-media-type', detail);
  }
  const readings = parseReadings(await readBody(request), isLines, Date.now());
  const accepted = await storeReadings(env.KV, readings, settingsOf(env.CONFIG).keepDays * 86_400);
  return json({ accepted, duplicates: readings.length - accepted });
}

/** The stated length is looked at first, so that a body that is too large costs no memory. */
async function readBody(request: Request): Promise<string> {
  const stated = Number(request.headers.get('content-length') ?? 0);
  const text = stated > maxBodyLength ? undefined : await request.text();
  if (text === undefined || text.length > maxBodyLength) {
    throw new Refusal(413, 'body-too-large', `A call takes at most ${maxBodyLength} bytes.`);
  }
  return text;
}

async function getTotals(query: URLSearchParams, env: Env): Promise<Response> {
  const { minHouseholds } = settingsOf(env.CONFIG);
  const from = Math.floor(timeOf(query, 'from', -Infinity) / minuteMs) * minuteMs;
  const to = Math.ceil(timeOf(query, 'to', Infinity) / minuteMs) * minuteMs;
  if (from >= to) throw new Refusal(400, 'invalid-range', 'from is not before to.');
  const totals = totalsOf(await loadBuckets(env.KV, from, to), minHouseholds, from, to);
  return json({ minHouseholds, ...totals }, { 'cache-control': 'no-store' });
}

/** ISO 8601 with an offset, or milliseconds since 1970. */
function timeOf(query: URLSearchParams, name: string, absent: number): number {
  // An unescaped `+` of an offset arrives as a space.
  const text = query.get(name)?.replace(' ', '+');
  if (text === undefined) return absent;
  const time = /^\d{1,15}$/.test(text) ? Number(text) : parseTime(text);
  if (Number.isNaN(time)) {
    const detail = `${name} is neither ISO 8601 with an offset nor milliseconds since 1970.`;
    throw new Refusal(400, 'invalid-range', detail, [{ pointer: name, detail: 'is no time' }]);
  }
  return time;
}

const handler: Handler = {
  fetch: (request, env) =>
    respond(() => {
      const url = new URL(request.url);
      if (url.pathname === '/readings') {
        allowMethods(request, 'POST');
        return postReadings(request, env);
      }
      if (url.pathname === '/totals') {
        allowMethods(request, 'GET', 'HEAD');
        return getTotals(url.searchParams, env);
      }
      throw new Refusal(404, 'not-found', 'There is POST /readings and GET /totals.');
    }),
};

export default handler;
