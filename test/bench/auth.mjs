import { TokenCache } from '@proxylet/auth';
import { startTestStack } from '@proxylet/testing';
import { Latencies } from './latencies.mjs';
import { load } from './load.mjs';

/** Issue goals: a token seen before, and tokens that are junk of 15 KB while others send them too. */
const goals = { cachedUs: 5, junkP99Ms: 20 };
const cachedTokens = 10_000;

/** What looking at tokens costs: one that is known, and floods of such that are none. */
export async function benchAuth({ seconds, connections, rounds, say }) {
  const cached = benchCache(rounds);
  say(`a token seen before: ${cached.p50Us.toFixed(2)} µs`);
  const stack = await startTestStack();
  try {
    const floods = {};
    for (const [name, base, path] of targetsOf(stack)) {
      for (const [kind, authorization] of Object.entries(junk)) {
        const { hostname: host, port } = new URL(base);
        const target = { host, port: Number(port), path, headers: { authorization } };
        await load(target, { connections, seconds: Math.min(seconds, 1), status: '4' });
        const run = await load(target, { connections, seconds, status: '4' });
        const { latencies, requests, errors } = run;
        floods[`${name}: ${kind}`] = {
          rps: requests / run.seconds,
          p50Ms: latencies.quantile(0.5),
          p99Ms: latencies.quantile(0.99),
          errors,
        };
        say(`${name}, ${kind}: p99 ${latencies.quantile(0.99).toFixed(1)} ms`);
      }
    }
    return { bench: 'auth', settings: { seconds, connections, rounds }, cached, floods, goals };
  } finally {
    await stack[Symbol.asyncDispose]();
  }
}

const compact = (bytes) => `Bearer ${'a'.repeat(bytes - 5)}.b.c`;
const junk = {
  '15 KB, no token': `Bearer ${'x'.repeat(15_000)}`,
  '15 KB of blanks': `Bearer ${' '.repeat(14_990)}x`,
  '8 KB like a token': compact(8192),
};

function targetsOf({ catalog, engine }) {
  return [
    ['catalog', catalog.url, '/v1/proxylets'],
    ['management', engine.url, '/v1/installations'],
    ['calls', engine.url, '/run/acme/thumb/'],
  ];
}

/** A full cache, asked in an order it cannot guess, each time with a text of its own as a request brings one. */
function benchCache(rounds) {
  const cache = new TokenCache({ max: cachedTokens });
  const headers = Array.from({ length: cachedTokens }, (_, i) =>
    Buffer.from(`Bearer ${String(i).padStart(8, '0')}${'x'.repeat(900)}`),
  );
  for (const bytes of headers) cache.set(bytes.toString('latin1'), principal);
  const latencies = new Latencies();
  let hits = 0;
  for (let round = 0; round < rounds * 20; round += 1) {
    const texts = Array.from({ length: 1000 }, (_, i) =>
      headers[(i * 7919 + round * 31) % cachedTokens].toString('latin1'),
    );
    const startedMs = performance.now();
    for (const text of texts) if (cache.get(text) !== undefined) hits += 1;
    latencies.add((performance.now() - startedMs) / texts.length);
  }
  if (hits !== rounds * 20_000) throw new Error('the cache lost tokens');
  return { p50Us: latencies.quantile(0.5) * 1000, p99Us: latencies.quantile(0.99) * 1000 };
}

const principal = { expiresAtMs: Number.MAX_SAFE_INTEGER };
