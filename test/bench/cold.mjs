import { Agent, get } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { startTestStack } from '@proxylet/testing';
import { Latencies } from './latencies.mjs';
import { startWorkerdLoader } from './targets/workerd-loader.mjs';

/** Calls of both come in turns, and this far apart: what is cold is what is called seldom. */
const pauseMs = 20;
const proxylets = 40;
/** An isolate is dropped after this time without a call: long before its turn comes again. */
const idleMs = 200;
const goals = { overMs: 2.5, coldP99Ms: 15 };

const source = `let calls = 0;
export default {
  fetch(request) {
    calls += 1;
    const url = new URL(request.url);
    return Response.json({ path: url.pathname, q: url.searchParams.get('q'), calls });
  },
};`;

/**
 * A call of what is installed and not in memory, and the call after it: each answer tells whether it was the first
 * of its isolate. workerd makes its isolates by the worker loader, a new one for each name.
 */
export async function benchCold({ rounds, say }) {
  const targets = [await startOurs(), await startWorkerdLoader(source)];
  try {
    const samples = new Map(
      targets.map(({ name }) => [name, { cold: new Latencies(), warm: new Latencies() }]),
    );
    for (let round = 0; round <= rounds; round += 1) {
      for (let turn = 0; turn < proxylets; turn += 1) {
        for (const target of targets) {
          const cold = await timed(target, target.path(round * proxylets + turn), 1);
          const warm = await timed(target, target.path(round * proxylets + turn), 2);
          await wait(pauseMs);
          // The first round is for the servers to get warm themselves.
          if (round === 0) continue;
          const { cold: colds, warm: warms } = samples.get(target.name);
          colds.add(cold);
          warms.add(warm);
        }
      }
      say(`round ${round} of ${rounds}`);
    }
    const servers = Object.fromEntries([...samples].map(([name, sample]) => [name, summary(sample)]));
    return { bench: 'cold', settings: { rounds, calls: rounds * proxylets }, servers, goals };
  } finally {
    for (const target of targets) {
      target.agent.destroy();
      await target.stop();
    }
  }
}

function summary({ cold, warm }) {
  const coldP50Ms = cold.quantile(0.5);
  const warmP50Ms = warm.quantile(0.5);
  return { coldP50Ms, coldP99Ms: cold.quantile(0.99), warmP50Ms, overMs: coldP50Ms - warmP50Ms };
}

async function startOurs() {
  const stack = await startTestStack({ engine: { PROXYLET_ENGINE_ISOLATE_IDLE_MS: String(idleMs) } });
  try {
    for (let i = 0; i < proxylets; i += 1) await stack.deploy('alice', { name: `cold/p${i}`, source });
    const { hostname, port } = new URL(stack.engine.url);
    return {
      name: 'proxylet',
      host: hostname,
      port,
      agent: new Agent({ keepAlive: true, maxSockets: 1 }),
      headers: { authorization: await stack.bearer('alice', 'engine') },
      path: (turn) => `/run/cold/p${turn % proxylets}/items?q=7`,
      stop: () => stack[Symbol.asyncDispose](),
    };
  } catch (error) {
    await stack[Symbol.asyncDispose]();
    throw error;
  }
}

/** @returns ms until the whole answer is here */
async function timed({ host, port, agent, headers }, path, calls) {
  const startedMs = performance.now();
  const text = await new Promise((resolve, reject) => {
    get({ host, port, agent, headers, path }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk) => {
        body += chunk;
      });
      response.once('end', () => resolve(body)).once('error', reject);
    }).once('error', reject);
  });
  const ms = performance.now() - startedMs;
  if (JSON.parse(text).calls !== calls)
    throw new Error(`${path} should be call ${calls} of its isolate: ${text}`);
  return ms;
}
