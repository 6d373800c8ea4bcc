import { Problem, resolve } from '@proxylet/contract';
import { Latencies } from './latencies.mjs';

const engine = {
  runtimes: [{ type: 'isolate', version: '1.3.0' }],
  capabilities: ['kv', 'schedule', 'gpio@2.1.0'],
  installed: [],
};
const goals = { p50Ms: 50, p99Ms: 50 };
/** Wants of a resolution: a service of this many proxylets, which lead to nearly all others. */
const wantCount = 20;

/**
 * Resolution of 200 proxylets with 50 versions and about 5 dependencies each: `rounds` times over 10 graphs, each met
 * as if for the first time (nothing is remembered of its versions) and once more; such that need going back; and
 * such that are refused because nothing of one of the proxylets deep down runs on the engine.
 */
export function benchResolve({ rounds, say }) {
  const seeds = Array.from({ length: 10 }, (_, seed) => seed + 1);
  const inputs = Object.entries({
    fresh: seeds.map((seed) => makeGraph(seed, { conflicts: 0 })),
    again: seeds.map((seed) => makeGraph(seed, { conflicts: 0 })),
    'going back': seeds.map((seed) => makeGraph(seed, { conflicts: 0.1 })),
    refused: seeds.map((seed) => makeGraph(seed, { conflicts: 0.05, isBlocked: true })),
  });
  const cases = Object.fromEntries(
    inputs.map(([name]) => [name, { latencies: new Latencies(), cpu: new Latencies(), outcomes: {} }]),
  );
  for (let round = -1; round < rounds; round += 1) {
    for (const [name, graphs] of inputs) {
      for (const graph of graphs) {
        const input = name === 'again' ? graph : forgotten(graph);
        const startedMs = performance.now();
        const startedCpu = process.threadCpuUsage();
        const outcome = outcomeOf(input);
        const { user, system } = process.threadCpuUsage(startedCpu);
        const tookMs = performance.now() - startedMs;
        // The first round warms up.
        if (round < 0) cases[name].outcomes[outcome] = (cases[name].outcomes[outcome] ?? 0) + 1;
        else {
          cases[name].latencies.add(tookMs);
          cases[name].cpu.add((user + system) / 1000);
        }
      }
    }
    if (round >= 0) say(`round ${round + 1} of ${rounds}`);
  }
  const rows = Object.entries(cases).map(([name, { latencies, cpu, outcomes }]) => [
    name,
    {
      resolutions: latencies.count,
      p50Ms: latencies.quantile(0.5),
      p99Ms: latencies.quantile(0.99),
      cpuP50Ms: cpu.quantile(0.5),
      cpuP99Ms: cpu.quantile(0.99),
      outcomes,
    },
  ]);
  return { bench: 'resolve', settings: { rounds }, cases: Object.fromEntries(rows), goals };
}

/** The same graph in new lists: what resolution remembers of a list does not help. */
function forgotten(graph) {
  const candidates = new Map([...graph.candidates].map(([name, versions]) => [name, [...versions]]));
  return { ...graph, candidates };
}

function outcomeOf(input) {
  try {
    return resolve(input).proxylets.length > wantCount ? 'locked' : 'few locked';
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return error.code;
  }
}

/**
 * Layers of proxylets as authors make them: newer versions ask for newer dependencies, mostly by `^`, and where a
 * dependency has moved to a new major version, some time passes before its dependents follow. With `conflicts`, that
 * share of the newest versions asks for an old version of something that others need newer: the search has to go back.
 */
function makeGraph(seed, { conflicts, isBlocked = false }) {
  const random = generator(seed);
  const names = Array.from({ length: 200 }, (_, i) => `acme/proxylet-${i}`);
  const bumps = names.map(() => (random() < 0.2 ? 20 + Math.floor(random() * 25) : Infinity));
  const versionOf = (at, nth) => `${nth < bumps[at] ? 1 : 2}.${Math.floor(nth / 4)}.${nth % 4}`;
  const candidates = new Map(
    names.map((name, at) => {
      const targets = pickTargets(at, names.length, random);
      const all = Array.from({ length: 50 }, (_, nth) => {
        const isStuck = nth >= 40 && random() < conflicts;
        const entries = targets.map((target, k) => {
          const age = Math.max(0, nth - 3 - Math.floor(random() * 10));
          if (isStuck && k === 0) return [names[target], `<=${versionOf(target, 20)}`];
          return [names[target], rangeFrom(versionOf(target, age), bumps[target] < Infinity, random)];
        });
        return candidate(versionOf(at, nth), Object.fromEntries(entries));
      });
      return [name, all];
    }),
  );
  const wants = Array.from({ length: wantCount }, (_, i) => ({
    name: names[i],
    range: '>=1',
    by: 'service acme/all 1.0.0',
  }));
  if (isBlocked)
    for (const one of candidates.get(names[100])) one.runtime = { type: 'isolate', version: '^2' };
  return { engine, wants, candidates };
}

/** About five later names, so that most graphs have no cycle; every twentieth name also leads back. */
function pickTargets(at, count, random) {
  const targets = new Set();
  for (let k = 0; k < 5; k += 1) {
    const next = at + 1 + Math.floor(random() ** 2 * (count - at - 1));
    if (next < count) targets.add(next);
  }
  if (at > 0 && at % 20 === 0) targets.add(at - 1);
  return [...targets];
}

function rangeFrom(version, isWide, random) {
  const form = random();
  if (isWide && form < 0.7) return `^${version} || ^2`;
  if (form < 0.05) return '*';
  if (form < 0.1) return `>=${version} <3`;
  if (form < 0.15) return `1.x || 2.x`;
  return `^${version}`;
}

function candidate(version, dependencies) {
  return {
    version,
    digest: `sha256:${'0'.repeat(64)}`,
    sizeBytes: 1,
    state: 'published',
    runtime: { type: 'isolate', version: '^1' },
    capabilities: ['kv', 'gpio@^2'],
    dependencies,
    permissions: { capabilities: [], fetch: [], topics: { subscribe: [], publish: [] }, secrets: [] },
  };
}

/** mulberry32: the same graphs in every run. */
function generator(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
