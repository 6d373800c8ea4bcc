import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { lockState, StateLockedError } from './state-lock.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'proxylet-state-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test('a folder is locked by one at a time, and free again afterwards', () => {
  {
    using _first = lockState(folder);
    expect(() => lockState(folder)).toThrow(StateLockedError);
  }
  using _second = lockState(folder);
});

const main = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

function startProcess() {
  const child = spawn(process.execPath, [main], {
    env: { PROXYLET_STATE_DIR: folder, PROXYLET_ENGINE_PORT: '0' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const ready = once(child.stdout, 'data').then(([line]) => JSON.parse(String(line)) as { ready: boolean });
  return { child, ready, exit: once(child, 'exit') as Promise<[number | null]>, errors: () => errors };
}

test('the second engine on a folder stops with a sentence, and a killed one leaves no lock', async () => {
  await mkdir(join(folder, 'engine'));
  const first = startProcess();
  expect(await first.ready).toMatchObject({ ready: true, service: 'engine', pid: first.child.pid });
  const second = startProcess();
  expect((await second.exit)[0]).toBe(73);
  expect(second.errors().trim().split('\n').at(-1)).toContain('in use by another engine');
  first.child.kill('SIGKILL');
  await first.exit;
  const third = startProcess();
  expect(await third.ready).toMatchObject({ ready: true });
  third.child.kill('SIGTERM');
  expect((await third.exit)[0]).toBe(0);
});
