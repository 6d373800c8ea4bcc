import { createHash } from 'node:crypto';
import { realpath, rm } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exitCodes, Stop, systemCode } from '../stop.js';

/**
 * Holds a state folder for this process: a local socket that answers as long as its holder lives, so that nothing
 * stale is left by a crash and no process number has to be trusted.
 *
 * @throws Stop 69 when another stack uses the folder
 */
export async function lockState(folder: string): Promise<{ release(): Promise<void> }> {
  const path = await socketPath(folder);
  let server = await listen(path);
  if (server === undefined) {
    if (await answers(path)) {
      throw new Stop(
        exitCodes.unavailable,
        `Another stack is running on ${folder}: stop it, or name another folder in PROXYLET_STATE_DIR.`,
      );
    }
    await rm(path, { force: true });
    server = await listen(path);
  }
  if (server === undefined) {
    throw new Stop(exitCodes.unavailable, `Another stack is just starting on ${folder}: stop one of them.`);
  }
  const held = server;
  return {
    release: async () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      held.close(() => resolve());
      await promise;
    },
  };
}

/** Socket paths end at about 100 characters, state folders do not: a long one is named by its digest. */
async function socketPath(folder: string): Promise<string> {
  const real = await realpath(folder);
  const id = createHash('sha256').update(real).digest('hex').slice(0, 24);
  if (process.platform === 'win32') return `\\\\.\\pipe\\proxylet-${id}`;
  const inside = join(real, 'lock.sock');
  return Buffer.byteLength(inside) < 100 ? inside : join(tmpdir(), `proxylet-${id}.sock`);
}

async function listen(path: string): Promise<Server | undefined> {
  const server = createServer((socket) => socket.destroy());
  const { promise, resolve, reject } = Promise.withResolvers<Server | undefined>();
  server.once('error', (error) => {
    if (systemCode(error) === 'EADDRINUSE') resolve(undefined);
    else reject(error);
  });
  server.listen(path, () => resolve(server));
  return promise;
}

async function answers(path: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(path);
  socket.once('connect', () => resolve(true));
  socket.once('error', () => resolve(false));
  const answer = await promise;
  socket.destroy();
  return answer;
}
