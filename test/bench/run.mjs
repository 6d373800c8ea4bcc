import { cpuTimeMs } from '@proxylet/testing';
import { assertAnswers, load } from './load.mjs';
import { median } from './latencies.mjs';
import { startDeno } from './targets/deno.mjs';
import { startNode } from './targets/node.mjs';
import { startProxylet } from './targets/proxylet.mjs';
import { startWorkerd } from './targets/workerd.mjs';

/** DESIGN §9, first row: ours against workerd. */
const goals = { rps: 1.5, cpuUs: 0.75, p99Ms: 0.2 };
const figures = ['rps', 'p50Ms', 'p99Ms', 'cpuUs'];

/**
 * Warm calls of one JSON handler: the product against workerd and against bare `node:http`, in one run whose
 * rounds take turns, so that a busy moment of the machine meets all three.
 */
export async function benchRun({ seconds, rounds, connections, withDeno, say }) {
  const targets = [];
  try {
    for (const start of [startProxylet, startWorkerd, startNode]) targets.push(await start());
    if (withDeno === true) targets.push(await startDeno({ say }));
    for (const target of targets) {
      await assertAnswers(target);
      await load(target, { connections, seconds: Math.min(seconds, 2) });
    }
    const samples = new Map(targets.map(({ name }) => [name, []]));
    for (let round = 0; round < rounds; round += 1) {
      const order = targets.map((_, i) => targets[(i + round) % targets.length]);
      for (const target of order)
        samples.get(target.name).push(await measure(target, { connections, seconds }));
      say(`round ${round + 1} of ${rounds}: ${describe(samples, round)}`);
    }
    return report(samples, { seconds, rounds, connections });
  } finally {
    await Promise.all(targets.map((target) => target.stop()));
  }
}

async function measure(target, options) {
  const pids = target.pids();
  const before = total(pids);
  const own = process.cpuUsage();
  const { requests, errors, seconds, latencies } = await load(target, options);
  const { user, system } = process.cpuUsage(own);
  return {
    requests,
    errors,
    rps: requests / seconds,
    p50Ms: latencies.quantile(0.5),
    p99Ms: latencies.quantile(0.99),
    cpuUs: ((total(pids) - before) * 1000) / requests,
    clientCpuUs: (user + system) / requests,
  };
}

/** CPU time of all the processes, ms. One that ended in between makes the figure too small: it must not happen. */
function total(pids) {
  let sum = 0;
  for (const pid of pids) {
    const ms = cpuTimeMs(pid);
    if (ms === undefined) throw new Error(`Process ${pid} of a server under test ended`);
    sum += ms;
  }
  return sum;
}

function report(samples, settings) {
  const servers = Object.fromEntries([...samples].map(([name, list]) => [name, summary(list)]));
  return {
    bench: 'run',
    settings,
    servers,
    ratios: Object.fromEntries(
      [...samples.keys()]
        .filter((name) => name !== 'proxylet')
        .map((name) => [name, ratios(samples.get('proxylet'), samples.get(name))]),
    ),
    goals: { workerd: goals },
  };
}

/** Medians over the rounds; requests and errors are sums. */
function summary(list) {
  const medians = [...figures, 'clientCpuUs'].map((name) => [
    name,
    median(list.map((sample) => sample[name])),
  ]);
  const sum = (name) => list.reduce((all, sample) => all + sample[name], 0);
  return { ...Object.fromEntries(medians), requests: sum('requests'), errors: sum('errors') };
}

/** Medians of the rounds' own ratios: both sides of each were taken within seconds of another. */
function ratios(ours, theirs) {
  return Object.fromEntries(
    figures.map((name) => [name, median(ours.map((sample, round) => sample[name] / theirs[round][name]))]),
  );
}

function describe(samples, round) {
  return [...samples].map(([name, list]) => `${name} ${Math.round(list[round].rps)}/s`).join(', ');
}
