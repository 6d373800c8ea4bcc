import { cpuTimeMs } from '@proxylet/testing';
import { flowLoad } from './flow-load.mjs';
import { median } from './latencies.mjs';
import { startNodeFlow, startProxyletFlow, startWorkerdFlow } from './targets/flow.mjs';

const megabyte = Buffer.alloc(1024 * 1024, 'x');

/** What is sent, and over how many connections; `bytes` is what an answer must have at least. */
const cases = {
  'POST 1 KB echo': { path: '/echo', body: megabyte.subarray(0, 1024), connections: 32 },
  '1 MB made by the guest': { path: '/down', connections: 8 },
  '1 MB read by the guest': { path: '/up', body: megabyte, connections: 8 },
  '1 MB in and out of the guest': { path: '/through', body: megabyte, connections: 8 },
  '1 MB passed on': { path: '/1mb', connections: 8 },
  '64 MB passed on': { path: '/64mb', connections: 2 },
  '1 MB upload passed on': { path: '/sink', body: megabyte, connections: 8 },
  'dependency call': { path: '/dependency', connections: 32, isWithout: 'node:http' },
  'first byte of events': { path: '/events', connections: 32, firstByte: true },
};

/** DESIGN §9 and issue 4: streams through the guest, and what is passed on against a plain Node proxy. */
const goals = { 'passed on / node:http': 0.8, guestMbPerS: 200 };
const figures = ['rps', 'mbPerS', 'p50Ms', 'p99Ms', 'cpuUs', 'mbPerCpuS'];

/** Bodies of calls: the product against workerd with the same module and against bare `node:http`, taking turns. */
export async function benchFlow({ seconds, rounds, say }) {
  const started = [];
  const start = async (target) => {
    started.push(await target);
    return started.at(-1);
  };
  try {
    const { port } = await start(startNodeFlow());
    const upstream = `http://127.0.0.1:${port}`;
    const targets = [];
    for (const make of [startProxyletFlow, startWorkerdFlow, startNodeFlow]) {
      targets.push(await start(make(upstream)));
    }
    // Short calls first: a guest is not at its pace before its first few hundred.
    for (const target of targets) await flowLoad(target, cases['POST 1 KB echo'], Math.min(seconds * 4, 2));
    const report = { bench: 'flow', settings: { seconds, rounds }, cases: {}, goals };
    for (const [name, one] of Object.entries(cases)) {
      report.cases[name] = await compare(
        targets.filter((target) => target.name !== one.isWithout),
        one,
        { seconds, rounds },
      );
      say(`${name}: ${describe(report.cases[name].servers)}`);
    }
    return report;
  } finally {
    await Promise.all(started.map((target) => target.stop()));
  }
}

async function compare(targets, one, { seconds, rounds }) {
  const samples = new Map(targets.map(({ name }) => [name, []]));
  for (const target of targets) await flowLoad(target, one, Math.min(seconds, 1));
  for (let round = 0; round < rounds; round += 1) {
    for (const at of targets.keys()) {
      const target = targets[(at + round) % targets.length];
      samples.get(target.name).push(await measure(target, one, seconds));
    }
  }
  const ours = samples.get('proxylet');
  const others = [...samples].filter(([name]) => name !== 'proxylet');
  return {
    connections: one.connections,
    servers: Object.fromEntries([...samples].map(([name, list]) => [name, summary(list)])),
    ratios: Object.fromEntries(others.map(([name, theirs]) => [name, ratios(ours, theirs)])),
  };
}

async function measure(target, one, seconds) {
  const before = cpuOf(target);
  const { requests, bytes, errors, seconds: elapsed, latencies } = await flowLoad(target, one, seconds);
  const cpuMs = cpuOf(target) - before;
  if (requests === 0) throw new Error(`${target.name} answered nothing at ${one.path}`);
  return {
    requests,
    errors,
    rps: requests / elapsed,
    mbPerS: bytes / elapsed / 1e6,
    p50Ms: latencies.quantile(0.5),
    p99Ms: latencies.quantile(0.99),
    cpuUs: (cpuMs * 1000) / requests,
    mbPerCpuS: bytes / 1e6 / Math.max(0.001, cpuMs / 1000),
  };
}

function cpuOf(target) {
  return target.pids().reduce((sum, pid) => sum + (cpuTimeMs(pid) ?? 0), 0);
}

/** Medians over the rounds; errors are a sum. */
function summary(list) {
  const medians = figures.map((name) => [name, median(list.map((sample) => sample[name]))]);
  return { ...Object.fromEntries(medians), errors: list.reduce((sum, { errors }) => sum + errors, 0) };
}

/** Medians of the rounds' own ratios: both sides of each were taken within seconds of another. */
function ratios(ours, theirs) {
  return Object.fromEntries(
    figures.map((name) => [name, median(ours.map((sample, round) => sample[name] / theirs[round][name]))]),
  );
}

function describe(servers) {
  return Object.entries(servers)
    .map(([name, { rps, mbPerS }]) => `${name} ${rps.toFixed(0)}/s ${mbPerS.toFixed(0)} MB/s`)
    .join(', ');
}
