import { lookup, Resolver } from 'node:dns/promises';
import { TargetRefused } from './target-refused.js';

export type ResolveName = (host: string) => Promise<readonly string[]>;

/** Look-ups at once, and how many may wait for their turn. */
const maxAtOnce = 16;
const maxWaiting = 200;
/** One question to one server, ms, and how often it is asked. */
const timeoutMs = 2000;
const tries = 2;

/**
 * Looks names up that somebody else chose, and whose server may be theirs: bounded in number and in time.
 *
 * They go to the name servers directly and not through the system, which would hold a thread for each, and there are
 * four, that reading files needs too.
 */
export const resolveForeign: ResolveName = bounded(async (host) => {
  // RFC 6761 §6.3: no name server is asked for these.
  if (/(?:^|\.)localhost\.?$/i.test(host)) return ['127.0.0.1', '::1'];
  const resolver = new Resolver({ timeout: timeoutMs, tries });
  const answers = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)]);
  const addresses = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
  if (addresses.length > 0) return addresses;
  const failed = answers.find((answer) => answer.status === 'rejected');
  throw failed?.reason ?? new Error('no address');
});

/** Looks names up that the operator chose, as the system does: they may be in its file of hosts. */
export const resolveOwn: ResolveName = bounded(
  async (host) => (await lookup(host, { all: true, order: 'verbatim' })).map(({ address }) => address),
  2,
);

/** @throws TargetRefused where too many wait already */
export function bounded(resolve: ResolveName, atOnce = maxAtOnce, waiting = maxWaiting): ResolveName {
  const turns: (() => void)[] = [];
  let running = 0;
  return async (host) => {
    if (running >= atOnce) {
      if (turns.length >= waiting) throw new TargetRefused('too many names are being looked up');
      // Whoever ends hands its place on, so that it stays taken.
      await new Promise<void>((go) => turns.push(go));
    } else running += 1;
    try {
      return await resolve(host);
    } finally {
      const next = turns.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  };
}
