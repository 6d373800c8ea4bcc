#!/usr/bin/env node
/**
 * Kills the catalog with SIGKILL at random moments of publishes by clients that retry, then looks whether every
 * acknowledged version is whole, every other number is free, no row is an orphan, and the clean-up finds what the
 * kills left in the store. With PostgreSQL or S3 these are killed and started again half-way, too.
 *
 *   node test/long/publish-kill.mjs [--rounds 500] [--database sqlite|postgres] [--store folder|rgw]
 *
 * A round is one kill among the publishes of four clients. Prints a report as JSON; exit code 1 where there is a fault.
 */
import { randomBytes, randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { setTimeout as wait } from 'node:timers/promises';
import { OwnServer, packSource, releaseTestServers, startTestCatalogs } from '@proxylet/testing';
import { checkAll } from './kill-checks.mjs';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '500' },
    database: { type: 'string', default: 'sqlite' },
    store: { type: 'string', default: 'folder' },
  },
});
const rounds = Number(values.rounds);
const clients = 4;
/** Clients that do not come back after a kill: their numbers must be free. */
const givesUp = 0.25;
/** Kills fall between the first byte of a round and this, ms: a publish of four at once takes about half of it. */
const latestKillMs = 40;
const retryMs = 20;

const report = await run();
process.stdout.write(`${JSON.stringify(report, undefined, 2)}\n`);
process.exitCode = report.faults.length === 0 ? 0 : 1;

async function run() {
  const stack = new AsyncDisposableStack();
  try {
    stack.defer(releaseTestServers);
    const servers = await ownServers(stack);
    const settings = settingsOf(servers);
    const catalogs = stack.use(await startTestCatalogs({ settings }));
    const state = {
      catalog: catalogs.catalogs[0],
      folder: `${catalogs.folders[0]}/catalog`,
      settings,
      bearer: () => catalogs.bearer('adam'),
      authorization: await catalogs.bearer('adam'),
      /** Every archive that was sent; `isAcknowledged` once the client was told 200 or 201. */
      sent: new Map(),
      counts: { kills: 0, acknowledged: 0, cutOff: 0, unavailable: 0 },
      faults: [],
    };
    await request(state, 'PUT', '/v1/namespaces/acme');
    const startedMs = performance.now();
    for (let round = 0; round < rounds; round += 1) {
      if (round % 50 === 0) state.authorization = await state.bearer();
      await killRound(state, round);
      if (round === rounds >> 1)
        for (const [index, server] of Object.values(servers).entries()) await outage(state, server, index);
    }
    state.authorization = await state.bearer();
    const checks = await checkAll(state, request);
    const seconds = Math.round((performance.now() - startedMs) / 1000);
    return {
      ...values,
      rounds,
      publishes: state.sent.size,
      ...state.counts,
      seconds,
      ...checks,
      faults: state.faults,
    };
  } finally {
    await stack.disposeAsync();
  }
}

/** Servers of our own: they are killed, which shared ones must not be. */
async function ownServers(stack) {
  return {
    ...(values.database === 'postgres' ? { postgres: stack.use(await OwnServer.start('postgres')) } : {}),
    ...(values.store === 'rgw' ? { rgw: stack.use(await OwnServer.start('rgw')) } : {}),
  };
}

function settingsOf({ postgres, rgw }) {
  return {
    PROXYLET_LOG_LEVEL: 'silent',
    PROXYLET_CATALOG_CLEANUP_MINUTES: '0',
    ...(postgres === undefined ? {} : { PROXYLET_CATALOG_DATABASE_URL: postgres.url }),
    ...(rgw === undefined
      ? {}
      : {
          PROXYLET_CATALOG_S3_ENDPOINT: rgw.url,
          PROXYLET_CATALOG_S3_BUCKET: `kill-${randomBytes(4).toString('hex')}`,
          PROXYLET_CATALOG_S3_ACCESS_KEY: 'proxylet',
          PROXYLET_CATALOG_S3_SECRET_KEY: 'proxylet-secret',
        }),
  };
}

async function killRound(state, round) {
  const work = Array.from({ length: clients }, (_, client) => publishInTurn(state, round, client));
  // An object store takes longer than a folder: let the kills fall everywhere there, too.
  await wait(randomInt(latestKillMs * (values.store === 'rgw' ? 4 : 1) * 10) / 10);
  await state.catalog.kill();
  state.counts.kills += 1;
  await state.catalog.start();
  await Promise.all(work);
}

async function publishInTurn(state, round, client) {
  for (let turn = 0; turn < 2; turn += 1) {
    const name = `acme/p${(round + client) % 7}`;
    const version = `${round}.${client}.${turn}`;
    const { bytes, digest } = packSource({
      name,
      version,
      source: 'export default { fetch() { return new Response("ok"); } };',
      files: { 'README.md': randomBytes(randomInt(1000, 40_000)).toString('base64') },
    });
    const item = {
      name,
      version,
      bytes: Buffer.from(bytes),
      digest,
      isAcknowledged: false,
      wasCutOff: false,
    };
    state.sent.set(`${name}@${version}`, item);
    if (!(await publishUntilTold(state, item))) return;
  }
}

/** Repeats a publish until it is answered; false where this client gave up. */
async function publishUntilTold(state, item) {
  for (const endMs = performance.now() + 120_000; performance.now() < endMs; await wait(retryMs)) {
    const { status, text } = await put(state, item);
    if (status === 200 || status === 201) {
      item.isAcknowledged = true;
      state.counts.acknowledged += 1;
      return true;
    }
    if (status === 0) {
      const isFirst = !item.wasCutOff;
      item.wasCutOff = true;
      if (isFirst) state.counts.cutOff += 1;
      if (isFirst && Math.random() < givesUp) return false;
    } else if (status === 503 && text.includes('storage-unavailable')) {
      state.counts.unavailable += 1;
    } else {
      state.faults.push(`${item.name} ${item.version} was answered ${status}: ${text.slice(0, 300)}`);
      return false;
    }
  }
  state.faults.push(`${item.name} ${item.version} was not answered for two minutes`);
  return false;
}

/** Kills a server the catalog needs, publishes on, and starts it again: told 503 meanwhile, then all goes through. */
async function outage(state, server, index) {
  const before = state.counts.unavailable;
  await server.kill();
  const work = Array.from({ length: clients }, (_, client) => publishInTurn(state, 100_000 + index, client));
  for (const endMs = performance.now() + 60_000; state.counts.unavailable === before; await wait(50)) {
    if (performance.now() < endMs) continue;
    state.faults.push('nobody was told 503 while a server was away');
    break;
  }
  await server.restart();
  await Promise.all(work);
}

async function put(state, { name, version, bytes }) {
  return await request(state, 'PUT', `/v1/proxylets/${name}/versions/${version}`, bytes);
}

/** Status 0 stands for a connection that broke. */
async function request(state, method, path, body) {
  const headers = { authorization: state.authorization, 'content-type': 'application/gzip' };
  try {
    const response = await fetch(state.catalog.url + path, {
      method,
      headers: body === undefined ? { authorization: state.authorization } : headers,
      ...(body === undefined ? {} : { body }),
      signal: AbortSignal.timeout(60_000),
    });
    const bytes = Buffer.from(await response.arrayBuffer());
    return { status: response.status, text: bytes.toString('latin1'), bytes };
  } catch {
    return { status: 0, text: '', bytes: Buffer.alloc(0) };
  }
}
