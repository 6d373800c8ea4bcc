#!/usr/bin/env node
/**
 * Two catalogs on one PostgreSQL and one S3 bucket, eight clients at each, every client publishing its versions of the
 * same few proxylets; every tenth number is published through both replicas at once with other bytes. Then everything
 * is read back through both.
 *
 *   node test/long/replicas.mjs [--versions 100] [--clients 8] [--replicas 2]
 *
 * Prints a report as JSON; exit code 1 where a version was lost, an answer was a 5xx, or the feed had a gap.
 */
import { createHash, randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import {
  OwnServer,
  packSource,
  releaseTestServers,
  sharedServer,
  startTestCatalogs,
} from '@proxylet/testing';
import { Latencies } from '../bench/latencies.mjs';
import { FeedReader } from './feed-reader.mjs';

const { values } = parseArgs({
  options: {
    versions: { type: 'string', default: '100' },
    clients: { type: 'string', default: '8' },
    replicas: { type: 'string', default: '2' },
  },
});
const [versions, clients, replicas] = [values.versions, values.clients, values.replicas].map(Number);
const proxylets = ['acme/a', 'acme/b', 'acme/c'];

const report = await run();
process.stdout.write(`${JSON.stringify(report, undefined, 2)}\n`);
process.exitCode = report.faults.length === 0 ? 0 : 1;

async function run() {
  const stack = new AsyncDisposableStack();
  try {
    stack.defer(releaseTestServers);
    const postgres = stack.use(await OwnServer.start('postgres'));
    const endpoint = await sharedServer('rgw');
    if (endpoint === undefined) throw new Error('this machine cannot have the S3 server');
    const shared = settings(postgres.url, endpoint);
    return await publishAndLook(stack.use(await startTestCatalogs({ count: replicas, settings: shared })));
  } finally {
    await stack.disposeAsync();
  }
}

function settings(databaseUrl, endpoint) {
  return {
    PROXYLET_CATALOG_DATABASE_URL: databaseUrl,
    PROXYLET_CATALOG_S3_ENDPOINT: endpoint,
    PROXYLET_CATALOG_S3_BUCKET: `replicas-${randomBytes(4).toString('hex')}`,
    PROXYLET_CATALOG_S3_ACCESS_KEY: 'proxylet',
    PROXYLET_CATALOG_S3_SECRET_KEY: 'proxylet-secret',
    PROXYLET_LOG_LEVEL: 'error',
  };
}

async function publishAndLook({ catalogs, bearer }) {
  const urls = catalogs.map(({ url }) => url);
  const authorization = await bearer('paula');
  const made = await fetch(`${urls[0]}/v1/namespaces/acme`, { method: 'PUT', headers: { authorization } });
  if (!made.ok) throw new Error(await made.text());
  const feeds = urls.map((url) => new FeedReader(url, authorization));
  const state = {
    urls,
    authorization,
    published: new Map(),
    statuses: {},
    faults: [],
    latencies: new Latencies(),
  };
  const startedMs = performance.now();
  await Promise.all(
    urls.flatMap((url, replica) =>
      Array.from({ length: clients }, (_, client) => publishInTurn(state, url, replica * clients + client)),
    ),
  );
  const seconds = (performance.now() - startedMs) / 1000;
  await Promise.all(urls.map((url) => readBack(state, url)));
  for (const feed of feeds) state.faults.push(...(await feed.end(state.published.keys())));
  return {
    replicas,
    clients,
    versions: state.published.size,
    statuses: state.statuses,
    publishesPerS: Math.round(state.latencies.count / seconds),
    p50Ms: Math.round(state.latencies.quantile(0.5)),
    p99Ms: Math.round(state.latencies.quantile(0.99)),
    changesRead: feeds.map(({ count }) => count),
    faults: state.faults,
  };
}

async function publishInTurn(state, url, client) {
  for (let i = 0; i < versions; i += 1) {
    const name = proxylets[(client + i) % proxylets.length];
    if (i % 10 === 9) await race(state, name, `2.${client}.${i}`);
    else if ((await publish(state, url, name, `1.${client}.${i}`)) !== 201)
      state.faults.push(`${name} 1.${client}.${i} was refused`);
  }
}

/** The same number through two replicas, with other bytes: one of them is told 201, the other 409. */
async function race(state, name, version) {
  const [first, second = first] = state.urls;
  const both = await Promise.all([first, second].map((url) => publish(state, url, name, version)));
  const [low, high] = both.toSorted((a, b) => a - b);
  if (low !== 201 || high !== 409) state.faults.push(`${name} ${version} raced to ${both.join(' and ')}`);
}

async function publish(state, url, name, version) {
  const source = `export default { fetch() { return new Response('${randomBytes(6).toString('hex')}'); } };`;
  const { bytes, digest } = packSource({ name, version, source });
  const startedMs = performance.now();
  const response = await fetch(`${url}/v1/proxylets/${name}/versions/${version}`, {
    method: 'PUT',
    headers: { authorization: state.authorization, 'content-type': 'application/gzip' },
    body: Buffer.from(bytes),
  });
  const text = await response.text();
  state.latencies.add(performance.now() - startedMs);
  const { status } = response;
  state.statuses[status] = (state.statuses[status] ?? 0) + 1;
  if (status === 201) state.published.set(`${name}@${version}`, digest);
  if (status >= 500) state.faults.push(`${name} ${version}: ${status} ${text}`);
  return status;
}

/** Every version that was answered with 201 is listed once, and its bytes are those that were sent. */
async function readBack(state, url) {
  const listed = new Map();
  for (const name of proxylets) {
    let cursor = '';
    do {
      const page = await getJson(state, `${url}/v1/proxylets/${name}/versions?limit=100${cursor}`);
      for (const { version, digest } of page.items) {
        if (listed.has(`${name}@${version}`))
          state.faults.push(`${name} ${version} is listed twice at ${url}`);
        listed.set(`${name}@${version}`, digest);
      }
      cursor = page.nextCursor === undefined ? '' : `&cursor=${page.nextCursor}`;
    } while (cursor !== '');
  }
  for (const key of listed.keys())
    if (!state.published.has(key)) state.faults.push(`${key} came from nowhere`);
  for (const [key, digest] of state.published) {
    if (listed.get(key) !== digest) state.faults.push(`${key} is lost at ${url}`);
    const response = await fetch(`${url}/v1/blobs/${digest}`, {
      headers: { authorization: state.authorization },
    });
    const bytes = Buffer.from(await response.arrayBuffer());
    const found = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    if (found !== digest) state.faults.push(`the bytes of ${key} are others at ${url}: ${response.status}`);
  }
}

async function getJson({ authorization }, url) {
  const response = await fetch(url, { headers: { authorization } });
  if (!response.ok) throw new Error(`GET ${url} gave ${response.status}: ${await response.text()}`);
  return await response.json();
}
