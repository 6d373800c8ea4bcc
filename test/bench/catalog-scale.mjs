/**
 * `node test/bench/catalog-scale.mjs [--small 1000] [--large 100000] [--rounds 5] [--requests 300] [--postgres] [--keep folder] [--json]`
 *
 * Whether reads of a large catalog take as long as those of a small one: fills two databases, ten versions to a
 * proxylet, starts a catalog on each, and asks both the same kinds of questions in turn.
 * What was filled into SQLite stays in the folder that `--keep` names, and is used again.
 */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { cpuTimeMs, OwnServer, releaseTestServers, startTestCatalogs } from '@proxylet/testing';
import { median } from './latencies.mjs';
import { askAll } from './scale/ask.mjs';
import { fill } from './scale/fill.mjs';
import { questionsOf } from './scale/questions.mjs';

const goal = 2;
const toStderr = (line) => process.stderr.write(`${line}\n`);

export async function benchCatalogScale({ small, large, rounds, requests, postgres, keep, say }) {
  await using stack = new AsyncDisposableStack();
  const server = postgres ? stack.use(await OwnServer.start('postgres')) : undefined;
  const targets = [];
  for (const proxylets of [small, large])
    targets.push(await startFilled({ proxylets, server, keep, stack, say }));
  const samples = new Map(targets.map(({ name }) => [name, new Map()]));
  for (let round = 0; round < rounds; round += 1) {
    for (const kind of targets[0].kinds.keys()) {
      for (const target of round % 2 === 0 ? targets : targets.toReversed()) {
        const questions = Array.from({ length: requests }, target.kinds.get(kind));
        const before = cpuTimeMs(target.pid);
        const latencies = await askAll(target, questions);
        const cpuMs = (cpuTimeMs(target.pid) - before) / requests;
        const all = samples.get(target.name);
        all.set(kind, [...(all.get(kind) ?? []), [latencies.quantile(0.5), latencies.quantile(0.99), cpuMs]]);
      }
    }
    say(`round ${round + 1} of ${rounds}`);
  }
  return report(samples, { small, large, rounds, requests, database: postgres ? 'PostgreSQL' : 'SQLite' });
}

async function startFilled({ proxylets, server, keep, stack, say }) {
  const isKept = keep !== undefined && server === undefined;
  const stateDir = isKept
    ? join(resolve(keep), `sqlite-${proxylets}`)
    : await mkdtemp(join(tmpdir(), 'catalog-scale-'));
  if (!isKept) stack.defer(() => rm(stateDir, { recursive: true, force: true }));
  const folder = join(stateDir, 'catalog');
  await mkdir(folder, { recursive: true });
  const url = server === undefined ? undefined : await newDatabase(server, `scale_${proxylets}`);
  const marker = join(stateDir, 'filled');
  if (url !== undefined || !existsSync(marker)) {
    const startedMs = performance.now();
    await fill({ url, folder, proxylets, say });
    await writeFile(marker, '');
    say(`${proxylets} proxylets filled in ${Math.round((performance.now() - startedMs) / 1000)} s`);
  }
  const settings = {
    PROXYLET_STATE_DIR: stateDir,
    ...(url === undefined ? {} : { PROXYLET_CATALOG_DATABASE_URL: url }),
  };
  const test = stack.use(await startTestCatalogs({ settings }));
  const [catalog] = test.catalogs;
  const authorization = await test.bearer('paula');
  const target = { name: String(proxylets), url: catalog.url, pid: catalog.pid, authorization };
  return { ...target, kinds: questionsOf(proxylets) };
}

async function newDatabase(server, name) {
  const { createRequire } = await import('node:module');
  const { inWorkspace } = await import('@proxylet/testing');
  const { Client } = createRequire(inWorkspace('apps/catalog/package.json'))('pg');
  const client = new Client({ connectionString: server.url });
  await client.connect();
  await client.query(`CREATE DATABASE ${name}`);
  await client.end();
  const url = new URL(server.url);
  url.pathname = `/${name}`;
  return url.href;
}

function report(samples, settings) {
  const [small, large] = [...samples.values()];
  const kinds = [...small.keys()].map((kind) => {
    const figure = (size, index) => median(size.get(kind).map((sample) => sample[index]));
    const p99Ratio = median(large.get(kind).map((sample, round) => sample[1] / small.get(kind)[round][1]));
    return {
      kind,
      small: { p50Ms: figure(small, 0), p99Ms: figure(small, 1), cpuMs: figure(small, 2) },
      large: { p50Ms: figure(large, 0), p99Ms: figure(large, 1), cpuMs: figure(large, 2) },
      p99Ratio,
      isMet: p99Ratio <= goal,
    };
  });
  return { bench: 'catalog-scale', settings, kinds, goal };
}

const ms = (value) => value.toFixed(2).padStart(8);

function tableOf({ settings, kinds }) {
  const { small, large, rounds, requests, database } = settings;
  const lines = kinds.map(
    ({ kind, small: a, large: b, p99Ratio, isMet }) =>
      `${kind.padEnd(28)}${ms(a.p50Ms)}${ms(a.p99Ms)}${ms(a.cpuMs)}${ms(b.p50Ms)}${ms(b.p99Ms)}${ms(b.cpuMs)}${p99Ratio.toFixed(2).padStart(8)} ×${isMet ? '' : '  above the goal'}`,
  );
  return [
    `catalog-scale: ${small} against ${large} proxylets of ten versions, ${database}; medians of ${rounds} rounds of ${requests} requests`,
    '',
    ['', 'p50 ms', 'p99', 'CPU', 'p50 ms', 'p99', 'CPU', 'p99']
      .map((title, i) => title.padStart(i === 0 ? 28 : 8))
      .join(''),
    ...lines,
    `goal: p99 ≤ ${goal} ×`,
    '',
  ].join('\n');
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      small: { type: 'string', default: '1000' },
      large: { type: 'string', default: '100000' },
      rounds: { type: 'string', default: '5' },
      requests: { type: 'string', default: '300' },
      postgres: { type: 'boolean', default: false },
      keep: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  });
  const { postgres, keep, json, ...numbers } = values;
  const counts = Object.fromEntries(Object.entries(numbers).map(([name, text]) => [name, Number(text)]));
  const result = await benchCatalogScale({ ...counts, postgres, keep, say: toStderr });
  process.stdout.write(json ? `${JSON.stringify(result)}\n` : tableOf(result));
  await releaseTestServers();
}
