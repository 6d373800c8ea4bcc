import { cpuTimeMs, residentBytes } from '@proxylet/testing';
import { median } from './latencies.mjs';
import { load } from './load.mjs';
import { makePack } from './packs.mjs';
import { publishAll } from './publish-load.mjs';
import { startCatalog } from './targets/catalog.mjs';
import { startVerdaccio } from './targets/verdaccio.mjs';

/** The catalog against verdaccio at the same durability: the latter with every file synced before it counts. */
const goals = { publishP50Ms: 1, publishesPerS: 1, blobsPerS: 2, metadataPerS: 2, metadata100PerS: 5 };
const figures = Object.keys(goals);
const rival = 'verdaccio, synced';
const clients = 8;
/** Versions of one package in a round: few, as a verdaccio package gets slower with every version it has. */
const perPackage = 10;
const sequential = 60;
const perClient = 30;

/**
 * Publishing and reading: the catalog, verdaccio as it ships (it never calls fsync) and verdaccio with its files
 * synced, in one run whose rounds take turns.
 */
export async function benchCatalog({ seconds, rounds, connections, say }) {
  const targets = [];
  try {
    targets.push(await startCatalog());
    for (const isSynced of [true, false]) targets.push(await startVerdaccio({ isSynced, say }));
    await prepare(targets);
    const samples = new Map(targets.map(({ name }) => [name, []]));
    for (let round = 0; round < rounds; round += 1) {
      const packs = packsOf(round);
      const order = targets.map((_, i) => targets[(i + round) % targets.length]);
      for (const target of order)
        samples.get(target.name).push(await measure(target, packs, { seconds, connections }));
      say(`round ${round + 1} of ${rounds}: ${describe(samples, round)}`);
    }
    return report(targets, samples, { seconds, rounds, connections });
  } finally {
    await Promise.all(targets.map((target) => target.stop()));
  }
}

/** Packages to read, with 1 and with 100 versions, and some publishing and reading that is not counted. */
async function prepare(targets) {
  const single = [makePack('bench/single', '1.0.0')];
  const many = Array.from({ length: 100 }, (_, i) => makePack('bench/many', `1.${i}.0`));
  for (const target of targets) {
    await target.claim('bench');
    await publishAll(target, [single]);
    await publishAll(target, [many]);
    await publishAll(target, packsOf(`warm-${targets.indexOf(target)}`).concurrent);
    target.read = { blob: target.blobPath(single[0]), one: target.metadataPath('bench/single') };
    target.read.hundred = target.metadataPath('bench/many');
    for (const path of Object.values(target.read)) {
      await assertServes(target, path);
      await load(await readTarget(target, path), { connections: 8, seconds: 1 });
    }
  }
}

/** The same archives for every target of a round. */
function packsOf(round) {
  return {
    sequential: [packList(`r${round}-seq`, sequential)],
    concurrent: Array.from({ length: clients }, (_, client) => packList(`r${round}-c${client}`, perClient)),
  };
}

function packList(name, count) {
  return Array.from({ length: count }, (_, i) =>
    makePack(`bench/${name}-${Math.floor(i / perPackage)}`, `1.${i % perPackage}.0`),
  );
}

async function measure(target, packs, { seconds, connections }) {
  const cpuMs = cpuTimeMs(target.pid());
  const alone = await publishAll(target, packs.sequential);
  const cpuMsAlone = cpuTimeMs(target.pid()) - cpuMs;
  const together = await publishAll(target, packs.concurrent);
  const sample = {
    publishP50Ms: alone.latencies.quantile(0.5),
    publishP99Ms: alone.latencies.quantile(0.99),
    publishCpuMs: cpuMsAlone / alone.latencies.count,
    publishesPerS: together.latencies.count / together.seconds,
    publishP99MsOf8: together.latencies.quantile(0.99),
  };
  const names = { blob: 'blobsPerS', one: 'metadataPerS', hundred: 'metadata100PerS' };
  for (const [kind, path] of Object.entries(target.read)) {
    const run = await load(await readTarget(target, path), { connections, seconds });
    if (run.errors > 0) throw new Error(`${target.name} failed ${run.errors} times at ${path}`);
    sample[names[kind]] = run.requests / run.seconds;
    sample[`${kind}P99Ms`] = run.latencies.quantile(0.99);
  }
  return sample;
}

async function readTarget(target, path) {
  const { hostname, port } = new URL(target.url);
  return { name: target.name, host: hostname, port: Number(port), path, headers: await target.headers() };
}

async function assertServes(target, path) {
  const response = await fetch(target.url + path, { headers: await target.headers() });
  const bytes = (await response.arrayBuffer()).byteLength;
  if (!response.ok || bytes === 0) throw new Error(`${target.name} answered ${response.status} at ${path}`);
}

function report(targets, samples, settings) {
  const servers = Object.fromEntries(
    targets.map(({ name, pid }) => [
      name,
      { ...medians(samples.get(name)), residentMb: residentBytes(pid()) / 2 ** 20 },
    ]),
  );
  const ours = samples.get('catalog');
  const ratios = Object.fromEntries(
    targets
      .slice(1)
      .map(({ name }) => [
        name,
        Object.fromEntries(figures.map((figure) => [figure, ratio(ours, samples.get(name), figure)])),
      ]),
  );
  return { bench: 'catalog', settings: { ...settings, clients }, servers, ratios, goals: { [rival]: goals } };
}

function medians(list) {
  return Object.fromEntries(
    Object.keys(list[0]).map((name) => [name, median(list.map((sample) => sample[name]))]),
  );
}

/** Median of the rounds' own ratios: both sides of each were taken within seconds of another. */
function ratio(ours, theirs, figure) {
  return median(ours.map((sample, round) => sample[figure] / theirs[round][figure]));
}

function describe(samples, round) {
  return [...samples]
    .map(([name, list]) => {
      const { publishP50Ms, publishesPerS } = list[round];
      return `${name} ${publishP50Ms.toFixed(1)} ms, ${Math.round(publishesPerS)}/s`;
    })
    .join('; ');
}
