import { childrenOf, startTestStack } from '@proxylet/testing';
import { setTimeout as wait } from 'node:timers/promises';
import { Latencies } from './latencies.mjs';
import { startWorkerdWith } from './targets/workerd-process.mjs';

/** Between two calls of the well-behaved one, ms: it asks for little, so that what it waits for is the others. */
const pauseMs = 5;
const callers = 4;
const noisyCallers = 8;

/** What is done to the neighbours; both end by themselves where nobody ends them. */
const noises = {
  cpu: `export default { fetch() {
  let sum = 0;
  for (let i = 0; i < 1e8; i += 1) sum += Math.sqrt(i);
  return new Response(String(sum));
} };`,
  memory: `export default { fetch() {
  const held = [];
  for (let i = 0; i < 4000; i += 1) held.push(new Array(10_000).fill(i));
  return new Response(String(held.length));
} };`,
};
const calm = `export default { fetch(request) {
  const { searchParams } = new URL(request.url);
  return Response.json({ q: searchParams.get('q') });
} };`;
const limits = { memoryMb: 64, cpuMs: 200, timeoutMs: 20_000 };

/**
 * How long calls of a well-behaved proxylet take while eight callers keep a neighbour busy that computes without end
 * or fills memory: one of another namespace, and one of its own. workerd has neither limits nor namespaces.
 */
export async function benchNoisy({ seconds, rounds, say }) {
  const servers = {};
  for (const start of [startOurs, startTheirs]) {
    const target = await start();
    try {
      const rows = {};
      for (let round = 0; round < rounds; round += 1) {
        for (const { name, noise } of target.situations) {
          const latencies = await underNoise(target, noise, seconds);
          const row = {
            p50Ms: latencies.quantile(0.5),
            p99Ms: latencies.quantile(0.99),
            calls: latencies.count,
          };
          (rows[name] ??= []).push(row);
          say(`${target.name}, ${name}: p50 ${row.p50Ms.toFixed(2)} ms, p99 ${row.p99Ms.toFixed(2)} ms`);
        }
      }
      servers[target.name] = Object.fromEntries(
        Object.entries(rows).map(([name, list]) => [
          name,
          list.toSorted((a, b) => a.p99Ms - b.p99Ms)[list.length >> 1],
        ]),
      );
    } finally {
      await target.stop();
    }
  }
  return {
    bench: 'noisy',
    settings: { seconds, rounds, callers, noisyCallers },
    servers,
    goal: { p99Times: 2 },
  };
}

async function startOurs() {
  const stack = await startTestStack();
  try {
    const authorization = await stack.bearer('alice', 'engine');
    const callOf = (name) => async () => {
      const answer = await fetch(`${stack.engine.url}/run/${name}/?q=7`, { headers: { authorization } });
      await answer.arrayBuffer();
      return answer.status === 200;
    };
    await stack.deploy('alice', { name: 'calm/json', source: calm });
    for (const namespace of ['calm', 'loud']) {
      for (const [kind, source] of Object.entries(noises)) {
        await stack.deploy('alice', { name: `${namespace}/${kind}`, source, manifest: { limits } });
      }
    }
    const { pid } = stack.engine;
    return {
      name: 'proxylet',
      call: callOf('calm/json'),
      situations: [
        { name: 'quiet', noise: undefined },
        { name: 'cpu, another namespace', noise: callOf('loud/cpu') },
        { name: 'memory, another namespace', noise: callOf('loud/memory') },
        { name: 'cpu, the same namespace', noise: callOf('calm/cpu') },
        { name: 'memory, the same namespace', noise: callOf('calm/memory') },
      ],
      assertAlive: () => {
        if (stack.engine.pid !== pid || childrenOf(pid).length === 0) throw new Error('the engine ended');
      },
      stop: () => stack[Symbol.asyncDispose](),
    };
  } catch (error) {
    await stack[Symbol.asyncDispose]();
    throw error;
  }
}

async function startTheirs() {
  const workers = Object.entries({ calm, ...noises }).map(([name, source]) => ({
    name,
    source,
    socket: true,
  }));
  const { ports, stop } = await startWorkerdWith(workers);
  const callOf = (name) => async () => {
    const answer = await fetch(`http://127.0.0.1:${ports[name]}/?q=7`, {
      signal: AbortSignal.timeout(60_000),
    });
    await answer.arrayBuffer();
    return answer.status === 200;
  };
  return {
    name: 'workerd',
    call: callOf('calm'),
    situations: [
      { name: 'quiet', noise: undefined },
      { name: 'cpu', noise: callOf('cpu') },
      { name: 'memory', noise: callOf('memory') },
    ],
    assertAlive: () => undefined,
    stop,
  };
}

async function underNoise({ call, assertAlive }, noise, seconds) {
  const run = { isOver: false };
  const until = async (work) => {
    while (!run.isOver) await work();
  };
  const noisy = Array.from({ length: noise === undefined ? 0 : noisyCallers }, () =>
    until(async () => {
      // What becomes of it is its own affair: ended by a limit, or answered.
      await noise().catch(() => false);
    }),
  );
  if (noise !== undefined) await wait(300);
  const latencies = new Latencies();
  const calmCalls = Array.from({ length: callers }, () =>
    until(async () => {
      const startMs = performance.now();
      if (!(await call())) throw new Error('the well-behaved one was answered with a failure');
      latencies.add(performance.now() - startMs);
      await wait(pauseMs);
    }),
  );
  await Promise.race([wait(seconds * 1000), Promise.all(calmCalls)]);
  run.isOver = true;
  await Promise.all([...calmCalls, ...noisy]);
  assertAlive();
  return latencies;
}
