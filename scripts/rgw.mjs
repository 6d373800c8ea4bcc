#!/usr/bin/env node
// A real S3 server for tests: Ceph RGW with one monitor and one disk, from Debian packages that are unpacked into the
// state folder and never installed. Needs Debian 12 with apt and python3, no root, no container.
//
//   node scripts/rgw.mjs start          prints the endpoint; starts again on the data of the last time
//   node scripts/rgw.mjs stop
//   node scripts/rgw.mjs run <command>  starts, runs the command with PROXYLET_TEST_S3_ENDPOINT set, stops
//
// Keys: access `proxylet`, secret `proxylet-secret`, for a server that listens on 127.0.0.1 only.
import { execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { cephConf } from './lib/ceph-conf.mjs';

const repository = dirname(dirname(fileURLToPath(import.meta.url)));
const home = join(process.env.PROXYLET_STATE_DIR ?? join(repository, 'var'), 'rgw');
const sys = join(home, 'sys');
const stateFile = join(home, 'state.json');
const triple = process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu';
const lib = join(sys, 'usr/lib', triple);
const wanted = ['radosgw', 'ceph-mon', 'ceph-osd', 'ceph-common'];

const environment = {
  ...process.env,
  LD_LIBRARY_PATH: [lib, join(lib, 'ceph'), join(sys, 'lib', triple), join(sys, 'usr/lib')].join(':'),
  PYTHONPATH: join(sys, 'usr/lib/python3/dist-packages'),
  PATH: `${join(sys, 'usr/bin')}:${process.env.PATH}`,
  CEPH_CONF: join(home, 'etc/ceph.conf'),
};

const exec = promisify(execFile);

/** Runs a program of the unpacked packages; every call has a time limit, as a monitor away makes them wait for ever. */
async function ceph(program, ...args) {
  const isScript = program === 'ceph';
  const file = join(sys, 'usr/bin', program);
  const [command, rest] = isScript
    ? ['/usr/bin/python3', [file, '--connect-timeout', '5', ...args]]
    : [file, args];
  const { stdout } = await exec(command, rest, { env: environment, timeout: 60_000 });
  return stdout;
}

async function main() {
  const [action, ...command] = process.argv.slice(2);
  if (action === 'start') {
    await start();
  } else if (action === 'stop') {
    await stop();
  } else if (action === 'run' && command.length > 0) {
    const endpoint = await start();
    try {
      process.exitCode = await run(command, { ...process.env, PROXYLET_TEST_S3_ENDPOINT: endpoint });
    } finally {
      await stop();
    }
  } else {
    fail('usage: node scripts/rgw.mjs start | stop | run <command> [argument …]');
  }
}

async function start() {
  await fetchPackages();
  const state = readState() ?? {
    fsid: randomUUID(),
    monPort: await freePort(),
    rgwPort: await freePort(),
    pids: {},
  };
  const endpoint = `http://127.0.0.1:${state.rgwPort}`;
  if (await answers(endpoint)) return announce(endpoint);
  await killAll(state);
  writeState(state);
  writeConfig(state);
  const isNew = !existsSync(join(home, 'data/ready'));
  if (isNew) await makeMonitor(state);
  daemon(state, 'mon', 'ceph-mon', ['-i', 'a', '-f']);
  await until('the monitor', () => ceph('ceph', 'fsid'));
  if (isNew) await makeDisk();
  daemon(state, 'osd', 'ceph-osd', ['-i', '0', '-f']);
  await until('the disk', async () => /1 up/.test(await ceph('ceph', 'osd', 'stat')));
  daemon(state, 'rgw', 'radosgw', ['-n', 'client.rgw.a', '-f']);
  await until('the gateway', () => answers(endpoint), 120);
  if (isNew) {
    const user = ['user', 'create', '--uid=proxylet', '--display-name=proxylet'];
    await ceph('radosgw-admin', ...user, '--access-key=proxylet', '--secret-key=proxylet-secret');
    writeFileSync(join(home, 'data/ready'), '');
  }
  return announce(endpoint);
}

function announce(endpoint) {
  process.stdout.write(`${endpoint}\n`);
  return endpoint;
}

async function stop() {
  const state = readState();
  if (state === undefined) return;
  await killAll(state);
  writeState({ ...state, pids: {} });
}

/** Downloads what this machine lacks and unpacks it; once, as the folder gets its name only when complete. */
async function fetchPackages() {
  if (existsSync(sys)) return;
  const debs = join(home, 'debs');
  const partial = `${sys}.partial`;
  for (const folder of [debs, partial]) {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
  }
  const names = await packageNames();
  process.stderr.write(`downloading and unpacking ${names.length} Debian packages for Ceph RGW\n`);
  await exec('apt-get', ['-q', 'download', ...names], { cwd: debs, maxBuffer: 1e8, timeout: 600_000 });
  await exec('sh', ['-c', 'for deb in "$1"/*.deb; do dpkg-deb -x "$deb" "$2"; done', 'sh', debs, partial]);
  rmSync(debs, { recursive: true });
  renameSync(partial, sys);
}

async function packageNames() {
  const simulate = ['install', '-s', '--no-install-recommends', ...wanted];
  const { stdout } = await exec('apt-get', simulate, { maxBuffer: 1e8 }).catch((error) =>
    fail(
      `apt-get knows no Ceph packages; run apt-get update first: ${String(error.stderr).trim().split('\n').at(-1)}`,
    ),
  );
  return [...stdout.matchAll(/^Inst (\S+)/gm)].map(([, name]) => name);
}

function writeConfig({ fsid, monPort, rgwPort }) {
  for (const folder of ['etc', 'data', 'run', 'log']) mkdirSync(join(home, folder), { recursive: true });
  writeFileSync(join(home, 'etc/ceph.conf'), cephConf({ fsid, monPort, rgwPort, home, lib }));
}

async function makeMonitor({ fsid, monPort }) {
  rmSync(join(home, 'data'), { recursive: true, force: true });
  for (const folder of ['data/mon.a', 'data/osd.0']) mkdirSync(join(home, folder), { recursive: true });
  const keyring = join(home, 'etc/keyring');
  const map = join(home, 'etc/monmap');
  const generate = ['--gen-key', '--cap', 'mon', 'allow *'];
  await ceph('ceph-authtool', '--create-keyring', keyring, '-n', 'mon.', ...generate);
  await ceph('ceph-authtool', keyring, '-n', 'client.admin', ...generate, '--cap', 'osd', 'allow *');
  await ceph(
    'monmaptool',
    '--create',
    '--clobber',
    '--addv',
    'a',
    `[v1:127.0.0.1:${monPort}]`,
    '--fsid',
    fsid,
    map,
  );
  await ceph('ceph-mon', '--mkfs', '-i', 'a', '--monmap', map, '--keyring', keyring);
}

async function makeDisk() {
  const uuid = randomUUID();
  await ceph('ceph', 'osd', 'new', uuid, '0');
  await ceph('ceph-osd', '-i', '0', '--mkfs', '--osd-uuid', uuid);
  await ceph('ceph', 'osd', 'crush', 'add', 'osd.0', '1', 'root=default', 'host=h');
}

function daemon(state, name, program, args) {
  const log = openSync(join(home, `log/${name}.out`), 'a');
  const child = spawn(join(sys, 'usr/bin', program), args, {
    env: environment,
    detached: true,
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  child.unref();
  state.pids[name] = { pid: child.pid, program };
  writeState(state);
}

/** Ends the recorded processes, newest first; a number that another program has by now is left alone. */
async function killAll(state) {
  for (const { pid, program } of Object.values(state.pids).toReversed()) {
    for (let tick = 0; isRunning(pid, program) && tick < 100; tick += 1) {
      if (tick % 50 === 0) process.kill(pid, tick === 0 ? 'SIGTERM' : 'SIGKILL');
      await wait(100);
    }
  }
}

function isRunning(pid, program) {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(program);
  } catch {
    return false;
  }
}

async function until(what, isDone, seconds = 60) {
  let last;
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await wait(200)) {
    try {
      if ((await isDone()) !== false) return;
    } catch (error) {
      last = error;
    }
  }
  fail(`${what} did not come up within ${seconds} s (see ${join(home, 'log')}): ${last?.message ?? ''}`);
}

async function answers(endpoint) {
  try {
    return (await fetch(endpoint, { signal: AbortSignal.timeout(2000) })).ok;
  } catch {
    return false;
  }
}

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function readState() {
  return existsSync(stateFile) ? JSON.parse(readFileSync(stateFile, 'utf8')) : undefined;
}

function writeState(state) {
  writeFileSync(stateFile, JSON.stringify(state));
}

function run([command, ...args], env) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env, stdio: 'inherit' });
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}

function fail(sentence) {
  process.stderr.write(`rgw: ${sentence}\n`);
  process.exit(1);
}

await main();
