import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { until } from '@proxylet/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { residentMb } from '../support/memory.js';
import { expectProblem } from '../support/problem.js';
import { counter, hello } from '../support/sources.js';
import { useStack } from '../support/use-stack.js';
import { Watch } from '../support/watch.js';

const burners = 8;
const burn = `export default { fetch() { const end = Date.now() + 400; while (Date.now() < end); return new Response('burnt'); } };`;

/** Tries to find what is another's by every name it can think of. */
const thief = `export default { async fetch(request, env) {
  const found = {};
  for (const key of ['count', '../count', '%2e%2e/count', 'acme/count', 'alice', '\\u0000count', '']) {
    try { found[key] = await env.KV.get(key); } catch (error) { found[key] = error.name; }
  }
  found.list = (await env.KV.list()).keys;
  found.cursor = await env.KV.list({ cursor: 'YQ' }).then((page) => page.keys, (error) => error.name);
  const cache = await caches.open('default');
  found.cached = (await cache.match('https://shared.example/')) !== undefined;
  return Response.json(found);
} };`;

const keeper = `export default { async fetch(request, env) {
  await env.KV.put('count', 'a secret of alice');
  const cache = await caches.open('default');
  await cache.put('https://shared.example/', new Response('a secret of alice', { headers: { 'cache-control': 'max-age=60' } }));
  const own = await cache.match('https://shared.example/');
  return new Response(own === undefined ? 'not cached' : 'kept');
} };`;

/** Memory that a fresh buffer comes with, of whoever had it before. */
const scavenger = `export default { async fetch() {
  for (let i = 0; i < 64; i += 1) {
    const bytes = new Uint8Array(1024 * 1024);
    if (bytes.some((byte) => byte !== 0)) return new Response('something is left');
  }
  return new Response('nothing');
} };`;

const timerStorm = `export default { async fetch() {
  let fired = 0;
  const again = () => { fired += 1; for (let i = 0; i < 2; i += 1) try { setTimeout(again, 0); } catch {} };
  again();
  await new Promise((resolve) => setTimeout(resolve, 500));
  return new Response(String(fired > 100));
} };`;

const opens = `export default { async fetch(request) {
  const to = await request.text();
  await Promise.allSettled(Array.from({ length: 150 }, () => fetch(to)));
} };`;

/** Takes connections and never answers. */
let silent: Server;
let open = 0;
beforeAll(async () => {
  silent = createServer((socket) => {
    open += 1;
    socket.on('error', () => undefined);
    socket.on('close', () => (open -= 1));
    socket.resume();
  });
  await new Promise<void>((done) => silent.listen(0, '127.0.0.1', done));
});
afterAll(() => silent.close());

const suite = useStack({ engine: { PROXYLET_ENGINE_FETCH_CONCURRENCY: '6' } }, async (stack) => {
  const kv = { capabilities: ['kv'] };
  const stores = { capabilities: ['kv', 'cache'] };
  await stack.deploy('bob', { name: 'good/hello', source: hello });
  await stack.deploy('bob', { name: 'good/count', source: counter, manifest: kv });
  await stack.deploy('alice', { name: 'state/keeper', source: keeper, manifest: stores });
  await stack.deploy('bob', { name: 'state/thief', source: thief, manifest: stores });
  await stack.deploy('bob', { name: 'state/scavenger', source: scavenger });
  await stack.deploy('alice', {
    name: 'storm/timers',
    source: timerStorm,
    manifest: { limits: { cpuMs: 2000 } },
  });
  await stack.deploy('alice', {
    name: 'storm/sockets',
    source: opens,
    manifest: { fetch: ['http://127.0.0.1'], limits: { timeoutMs: 3000 } },
  });
  for (let i = 0; i < burners; i += 1) await stack.deploy('alice', { name: `burn-${i}/one`, source: burn });
});

/** While bob calls his proxylet; asserts that each of his calls was answered, and none waited for seconds. */
async function beside(work: () => Promise<unknown>): Promise<void> {
  const { stack } = suite;
  const enginePid = stack.engine.pid;
  const watch = new Watch(stack, 'bob', 'good/hello');
  try {
    await work();
  } finally {
    await watch.stop();
  }
  expect(watch.failures).toEqual([]);
  expect(watch.calls).toBeGreaterThan(0);
  // Generous, for a machine that does other things: `node test/long/hostile.mjs` measures.
  expect(watch.slowestMs).toBeLessThan(5000);
  expect(stack.engine.pid).toBe(enginePid);
}

describe('an installation beside others', () => {
  it('burning the CPU eight times over leaves the ninth its share', async () => {
    await beside(async () => {
      const endMs = performance.now() + 3000;
      const all = Array.from({ length: burners }, async (_, i) => {
        while (performance.now() < endMs) {
          const response = await suite.stack.run('alice', `burn-${i}/one`);
          if (response.status !== 200) await expectProblem(response, 'cpu-rate-limit');
          else expect(await response.text()).toBe('burnt');
        }
      });
      await Promise.all(all);
    });
  });

  it('setting timers without an end is stopped or answers, and holds nobody up', async () => {
    await beside(async () => {
      const response = await suite.stack.run('alice', 'storm/timers');
      if (response.status === 200) expect(await response.text()).toBe('true');
      else await expectProblem(response, 'timer-limit', 'cpu-limit', 'memory-limit');
    });
  });

  it('opening connections that never answer takes no socket from others', async () => {
    const { stack } = suite;
    const origin = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    await stack.send('PUT', `${stack.engine.url}/v1/admin/egress`, 'adam', 'engine', {
      origin,
      proxylets: ['storm/sockets'],
    });
    await beside(async () => {
      const called = stack.run('alice', 'storm/sockets', '/', { method: 'POST', body: origin });
      await until(() => open > 0, { what: 'it connects' });
      // Others are answered meanwhile, and it has not one connection more than its six.
      for (let i = 0; i < 20; i += 1) {
        expect(await (await stack.run('bob', 'good/hello')).text()).toBe('hello');
        expect(open).toBeLessThanOrEqual(6);
      }
      await expectProblem(await called, 'time-limit');
    });
    await until(() => open === 0, { what: 'its connections are closed' });
  });

  it('finds nothing of another’s keys and cache', async () => {
    const { stack } = suite;
    expect(await (await stack.run('alice', 'state/keeper')).text()).toBe('kept');
    const text = await (await stack.run('bob', 'state/thief')).text();
    expect(text).not.toContain('secret');
    expect(JSON.parse(text)).toMatchObject({ count: null, list: [], cached: false });
  });

  it('finds nothing in memory that was another’s', async () => {
    expect(await (await suite.stack.run('bob', 'state/scavenger')).text()).toBe('nothing');
  });
});

describe('slow clients', () => {
  it('that send a body byte by byte, or never read theirs, hold nobody up', async () => {
    const { stack } = suite;
    const { hostname, port } = new URL(stack.engine.url);
    const authorization = await stack.bearer('alice', 'engine');
    const head = (name: string, more: string): string =>
      `POST /run/${name}/ HTTP/1.1\r\nHost: ${hostname}:${port}\r\nAuthorization: ${authorization}\r\n${more}\r\n`;
    const beforeMb = residentMb(stack.engine.pid);
    const sockets = Array.from({ length: 100 }, (_, i) => {
      const socket = connect(Number(port), hostname);
      socket.on('error', () => undefined);
      socket.write(
        i % 2 === 0
          ? head('state/keeper', 'Content-Length: 100000\r\n')
          : head('burn-0/one', 'Transfer-Encoding: chunked\r\n'),
      );
      socket.pause();
      return socket;
    });
    const drip = setInterval(() => {
      for (const [i, socket] of sockets.entries()) socket.write(i % 2 === 0 ? 'x' : '1\r\nx\r\n');
    }, 50);
    try {
      await beside(() => new Promise((resolve) => setTimeout(resolve, 1500)));
      expect(await (await stack.run('bob', 'good/count')).json()).toMatchObject({ user: 'bob' });
    } finally {
      clearInterval(drip);
      for (const socket of sockets) socket.destroy();
    }
    await until(() => residentMb(stack.engine.pid) < beforeMb * 1.5 + 50, {
      what: 'the engine lets go of them',
    });
  });
});
