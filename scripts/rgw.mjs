#!/usr/bin/env node
// A real S3 server for tests: Ceph RGW with one monitor and one disk, from Debian packages that are unpacked into the
// state folder and never installed. Needs Debian 12 with apt and python3, no root, no container.
//
//   node scripts/rgw.mjs start          prints the endpoint; starts again on the data of the last time
//   node scripts/rgw.mjs stop           lets go of it; it ends when no test run uses it
//   node scripts/rgw.mjs run <command>  starts, runs the command with PROXYLET_TEST_S3_ENDPOINT set, stops
//
// Keys: access `proxylet`, secret `proxylet-secret`, for a server that listens on 127.0.0.1 only.
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cephConf } from './lib/ceph-conf.mjs';
import { unpackPackages } from './lib/debian-packages.mjs';
import { root } from './lib/paths.mjs';
import { serverCommand } from './lib/server-command.mjs';
import { freePort, isFree, until } from './lib/shared-server.mjs';

const exec = promisify(execFile);
const sys = join(process.env.PROXYLET_STATE_DIR || join(root, 'var'), 'rgw/sys');
const triple = process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu';
const lib = join(sys, 'usr/lib', triple);
const wanted = ['radosgw', 'ceph-mon', 'ceph-osd', 'ceph-common'];
/** Room on the disk of the last time from which on a start begins with an empty one, bytes. */
const wornBytes = 2 ** 31;

async function start(server) {
  await unpackPackages(sys, wanted);
  const last = server.state;
  if (server.runs('rgw') && (await answers(endpointOf(last)))) return endpointOf(last);
  await server.end();
  // The monitor's port is part of its data: with somebody else on it these data are of no more use.
  const isOurs = last?.monPort !== undefined && (await isFree(last.monPort));
  if (!isOurs) rmSync(join(server.home, 'data/ready'), { force: true });
  const { fsid, monPort } = isOurs ? last : { fsid: randomUUID(), monPort: await freePort() };
  const isPortFree = last?.rgwPort !== undefined && (await isFree(last.rgwPort));
  const rgwPort = isPortFree ? last.rgwPort : await freePort();
  const state = { fsid, monPort, rgwPort, leases: last?.leases ?? [], pids: {} };
  server.save(state);
  const cluster = new Cluster(server, state);
  await cluster.start();
  return endpointOf(state);
}

function endpointOf({ rgwPort }) {
  return `http://127.0.0.1:${rgwPort}`;
}

/** Whether it answers at all: before its user is made it says 403. */
async function answers(endpoint) {
  try {
    return (await fetch(endpoint, { signal: AbortSignal.timeout(2000) })).ok;
  } catch {
    return false;
  }
}

class Cluster {
  #server;
  #state;
  #home;
  #environment;

  constructor(server, state) {
    this.#server = server;
    this.#state = state;
    this.#home = server.home;
    this.#environment = {
      ...process.env,
      LD_LIBRARY_PATH: [lib, join(lib, 'ceph'), join(sys, 'lib', triple), join(sys, 'usr/lib')].join(':'),
      PYTHONPATH: join(sys, 'usr/lib/python3/dist-packages'),
      PATH: `${join(sys, 'usr/bin')}:${process.env.PATH}`,
      CEPH_CONF: join(this.#home, 'etc/ceph.conf'),
    };
  }

  async start() {
    const ready = join(this.#home, 'data/ready');
    if (isWorn(join(this.#home, 'data/osd.0/block'))) rmSync(ready, { force: true });
    const isNew = !existsSync(ready);
    this.#writeConfig();
    if (isNew) await this.#makeMonitor();
    this.#daemon('mon', 'ceph-mon', ['-i', 'a', '-f']);
    await until('the monitor', () => this.#run('ceph', 'fsid'));
    if (isNew) await this.#makeDisk();
    this.#daemon('osd', 'ceph-osd', ['-i', '0', '-f']);
    await until('the disk', async () => /1 up/.test(await this.#run('ceph', 'osd', 'stat')));
    this.#daemon('rgw', 'radosgw', ['-n', 'client.rgw.a', '-f']);
    await until('the gateway', () => answers(endpointOf(this.#state)), 120);
    if (!isNew) return;
    const user = ['user', 'create', '--uid=proxylet', '--display-name=proxylet', '--max-buckets=1000000'];
    await this.#run('radosgw-admin', ...user, '--access-key=proxylet', '--secret-key=proxylet-secret');
    writeFileSync(ready, '');
  }

  #writeConfig() {
    const { fsid, monPort, rgwPort } = this.#state;
    const home = this.#home;
    for (const folder of ['etc', 'data', 'run', 'log']) mkdirSync(join(home, folder), { recursive: true });
    writeFileSync(join(home, 'etc/ceph.conf'), cephConf({ fsid, monPort, rgwPort, home, lib }));
  }

  async #makeMonitor() {
    const home = this.#home;
    rmSync(join(home, 'data'), { recursive: true, force: true });
    for (const folder of ['data/mon.a', 'data/osd.0']) mkdirSync(join(home, folder), { recursive: true });
    const keyring = join(home, 'etc/keyring');
    const map = join(home, 'etc/monmap');
    const generate = ['--gen-key', '--cap', 'mon', 'allow *'];
    await this.#run('ceph-authtool', '--create-keyring', keyring, '-n', 'mon.', ...generate);
    const admin = [keyring, '-n', 'client.admin', ...generate, '--cap', 'osd', 'allow *'];
    await this.#run('ceph-authtool', ...admin);
    const address = `[v1:127.0.0.1:${this.#state.monPort}]`;
    const fsid = ['--fsid', this.#state.fsid];
    await this.#run('monmaptool', '--create', '--clobber', '--addv', 'a', address, ...fsid, map);
    await this.#run('ceph-mon', '--mkfs', '-i', 'a', '--monmap', map, '--keyring', keyring);
  }

  async #makeDisk() {
    const uuid = randomUUID();
    await this.#run('ceph', 'osd', 'new', uuid, '0');
    await this.#run('ceph-osd', '-i', '0', '--mkfs', '--osd-uuid', uuid);
    await this.#run('ceph', 'osd', 'crush', 'add', 'osd.0', '1', 'root=default', 'host=h');
  }

  #daemon(name, program, args) {
    this.#server.daemon(name, join(sys, 'usr/bin', program), args, { env: this.#environment });
  }

  /** Every call has a time limit, as a monitor that is away makes these programs wait for ever. */
  async #run(program, ...args) {
    const file = join(sys, 'usr/bin', program);
    const isScript = program === 'ceph';
    const [command, rest] = isScript
      ? ['/usr/bin/python3', [file, '--connect-timeout', '5', ...args]]
      : [file, args];
    const { stdout } = await exec(command, rest, { env: this.#environment, timeout: 60_000 });
    return stdout;
  }
}

function isWorn(file) {
  try {
    return statSync(file).blocks * 512 > wornBytes;
  } catch {
    return false;
  }
}

await serverCommand({ name: 'rgw', variable: 'PROXYLET_TEST_S3_ENDPOINT', start });
