#!/usr/bin/env node
// A PostgreSQL server for tests: that of the machine where its programs are installed, else the Debian package
// unpacked into the state folder. Listens on 127.0.0.1 only and lets the user `test` in without a password.
//
//   node scripts/postgres.mjs start          prints the address of the database `postgres`
//   node scripts/postgres.mjs stop           lets go of it; it ends when no test run uses it
//   node scripts/postgres.mjs run <command>  starts, runs the command with PROXYLET_TEST_POSTGRES_URL set, stops
//
// The shared one forgets everything when it starts and does without fsync; one with `--home` keeps its data safe.
import { execFile } from 'node:child_process';
import {
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { unpackPackages } from './lib/debian-packages.mjs';
import { root } from './lib/paths.mjs';
import { serverCommand } from './lib/server-command.mjs';
import { freePort, until } from './lib/shared-server.mjs';

const exec = promisify(execFile);
const triple = process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu';

async function start(server, { isOwn }) {
  const programs = await findPrograms();
  const last = server.state;
  if (server.runs('postgres') && (await isReady(programs, last))) return urlOf(last);
  await server.end('SIGQUIT');
  if (last?.folder !== undefined && !isOwn) rmSync(last.folder, { recursive: true, force: true });
  const state =
    isOwn && last !== undefined ? last : await makeCluster(programs, last, isOwn ? [] : ['--no-sync']);
  server.save({ ...state, bin: programs.bin, library: programs.options.env?.LD_LIBRARY_PATH, pids: {} });
  const speed = isOwn ? [] : ['fsync=off', 'synchronous_commit=off', 'full_page_writes=off'];
  const options = ['max_connections=300', 'jit=off', ...speed].flatMap((option) => ['-c', option]);
  const { folder, port } = state;
  const where = ['-D', join(folder, 'data'), '-p', String(port), '-k', folder, '-h', '127.0.0.1'];
  const run = () =>
    server.daemon('postgres', join(programs.bin, 'postgres'), [...where, ...options], programs.options);
  run();
  await until(
    'PostgreSQL',
    async () => {
      // After a kill it does not start until the last of its old processes has noticed.
      if (!server.runs('postgres')) run();
      return await isReady(programs, state);
    },
    30,
  );
  return urlOf(state);
}

async function makeCluster({ bin, options, user }, last, flags) {
  // Not in the state folder: root lends the programs a common user, who may not look into that.
  const folder = mkdtempSync(join(tmpdir(), 'proxylet-postgres-'));
  if (user !== undefined) chownSync(folder, user.uid, user.gid);
  const kind = ['-U', 'test', '-A', 'trust', '-E', 'UTF8', '--locale=C', ...flags];
  await exec(join(bin, 'initdb'), ['-D', join(folder, 'data'), ...kind], { ...options, cwd: folder });
  return { port: await freePort(), folder, leases: last?.leases ?? [] };
}

function clean(server) {
  const { folder } = server.state;
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
}

function urlOf({ port }) {
  return `postgres://test@127.0.0.1:${port}/postgres`;
}

async function isReady({ bin, options }, { port, folder }) {
  if (!existsSync(folder)) return false;
  try {
    await exec(join(bin, 'pg_isready'), ['-q', '-h', '127.0.0.1', '-p', String(port)], options);
    return true;
  } catch {
    return false;
  }
}

/** Where the programs are, and how to run them: they refuse root. */
async function findPrograms() {
  const user = commonUser();
  const installed = newest('/usr/lib/postgresql');
  if (installed !== undefined) return { bin: installed, user, options: { ...user } };
  const sys = join(programsHome(user), 'sys');
  await unpackPackages(sys, ['postgresql']);
  const unpacked = newest(join(sys, 'usr/lib/postgresql'));
  if (unpacked === undefined) throw new Error('the package postgresql holds no server');
  const env = { ...process.env, LD_LIBRARY_PATH: join(sys, 'usr/lib', triple) };
  return { bin: unpacked, user, options: { ...user, env } };
}

/** Programs of the newest version below a folder that has one folder for each. */
function newest(folder) {
  if (!existsSync(folder)) return undefined;
  const versions = readdirSync(folder).filter((name) => existsSync(join(folder, name, 'bin/initdb')));
  const [version] = versions.toSorted((a, b) => Number(b) - Number(a));
  return version === undefined ? undefined : join(folder, version, 'bin');
}

function commonUser() {
  if (process.getuid?.() !== 0) return undefined;
  const [, uid, gid] = /^nobody:[^:]*:(\d+):(\d+)/m.exec(readFileSync('/etc/passwd', 'utf8')) ?? [];
  return { uid: Number(uid), gid: Number(gid) };
}

/** The state folder, or a folder that a common user can look into too. */
function programsHome(user) {
  const home = join(process.env.PROXYLET_STATE_DIR || join(root, 'var'), 'postgres');
  if (user === undefined || isOpenToAll(home)) return home;
  const open = join(tmpdir(), 'proxylet-postgres-programs');
  mkdirSync(open, { recursive: true, mode: 0o755 });
  const stats = lstatSync(open);
  if (!stats.isDirectory() || stats.uid !== 0) throw new Error(`${open} belongs to somebody else`);
  return open;
}

function isOpenToAll(path) {
  mkdirSync(path, { recursive: true });
  for (let folder = path; ; folder = dirname(folder)) {
    if ((lstatSync(folder).mode & 0o001) === 0) return false;
    if (folder === dirname(folder)) return true;
  }
}

await serverCommand({ name: 'postgres', variable: 'PROXYLET_TEST_POSTGRES_URL', start, clean });
