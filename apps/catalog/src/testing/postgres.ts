import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chownSync, existsSync, globSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

export interface TestPostgres extends AsyncDisposable {
  readonly url: string;
}

const [initdb] = globSync('/usr/lib/postgresql/*/bin/initdb').toReversed();

/** Whether this machine has the programs of a PostgreSQL server. */
export const hasPostgres = initdb !== undefined;

/** A PostgreSQL of its own in a temporary folder. Its programs refuse root, so root lends them a common user. */
export async function startPostgres(): Promise<TestPostgres> {
  if (initdb === undefined) throw new Error('there is no PostgreSQL on this machine');
  const folder = await mkdtemp(join(tmpdir(), 'postgres-'));
  const data = join(folder, 'data');
  const user = commonUser();
  if (user !== undefined) chownSync(folder, user.uid, user.gid);
  const run = promisify(execFile);
  await run(initdb, ['-D', data, '-U', 'test', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'], {
    cwd: folder,
    ...user,
  });
  const port = await freePort();
  const options = ['-D', data, '-p', String(port), '-k', folder, '-h', '127.0.0.1', '-c', 'fsync=off'];
  const server = spawn(join(initdb, '../postgres'), options, { cwd: folder, stdio: 'ignore', ...user });
  const exited = new Promise((resolve) => server.once('exit', resolve));
  const pidFile = join(data, 'postmaster.pid');
  while (
    server.exitCode === null &&
    !(existsSync(pidFile) && readFileSync(pidFile, 'utf8').includes('ready'))
  ) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return {
    url: `postgres://test@127.0.0.1:${port}/postgres?application_name=${randomBytes(4).toString('hex')}`,
    [Symbol.asyncDispose]: async () => {
      server.kill('SIGINT');
      await exited;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function commonUser(): { readonly uid: number; readonly gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const [, uid = '', gid = ''] = /^nobody:[^:]*:(\d+):(\d+)/m.exec(readFileSync('/etc/passwd', 'utf8')) ?? [];
  return { uid: Number(uid), gid: Number(gid) };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  await new Promise((resolve) => {
    server.close(resolve);
  });
  return typeof address === 'object' && address !== null ? address.port : 0;
}
