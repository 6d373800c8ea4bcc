import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../../auth/test/test-issuer.js';

const main = fileURLToPath(new URL('../../test/service-main.mjs', import.meta.url));

interface Run {
  readonly child: ChildProcessByStdio<Writable, Readable, Readable>;
  /** The ready line, or undefined where the process ended before it. */
  readonly ready: Promise<{ url: string; pid: number; service: string } | undefined>;
  readonly ended: Promise<{ code: number | null; stderr: string; lastLine: string | undefined }>;
}

function start(env: Record<string, string>, ...args: string[]): Run {
  const child = spawn(process.execPath, [main, ...args], { env, stdio: ['pipe', 'pipe', 'pipe'] });
  const stderr = text(child.stderr);
  const { promise: ready, resolve } = Promise.withResolvers<Awaited<Run['ready']>>();
  let out = '';
  child.stdout
    .on('data', (chunk) => {
      out += String(chunk);
      if (out.includes('\n')) resolve(JSON.parse(out) as { url: string; pid: number; service: string });
    })
    .on('end', () => {
      resolve(undefined);
    });
  const ended = once(child, 'close').then(async ([code]) => {
    const all = await stderr;
    return { code: code as number | null, stderr: all, lastLine: all.trimEnd().split('\n').at(-1) };
  });
  return { child, ready, ended };
}

test('prints one ready line and stops cleanly when asked', async () => {
  await using folder = await temporaryFolder();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const run = start({ PROXYLET_STATE_DIR: folder.path, PROXYLET_CATALOG_PORT: '0' });
    const ready = await run.ready;
    expect(ready).toEqual({
      ready: true,
      service: 'catalog',
      url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
      pid: run.child.pid,
    });
    expect((await fetch(`${ready?.url}/health/ready`)).status).toBe(200);
    run.child.kill(signal);
    expect((await run.ended).code).toBe(0);
  }
});

test('stops by itself when its launcher dies, if it was told to', async () => {
  await using folder = await temporaryFolder();
  const env = { PROXYLET_STATE_DIR: folder.path, PROXYLET_CATALOG_PORT: '0', PROXYLET_EXIT_WITH_PARENT: '1' };
  const run = start(env);
  await run.ready;
  run.child.stdin.destroy();
  expect((await run.ended).code).toBe(0);
});

test('bad configuration: 64, every fault in one sentence, no value', async () => {
  const run = start({ PROXYLET_CATALOG_PORT: 'seventy', PROXYLET_LOG_LEVEL: 'loud' });
  const { code, lastLine } = await run.ended;
  expect(code).toBe(64);
  expect(lastLine).toContain('PROXYLET_CATALOG_PORT must be a whole number');
  expect(lastLine).toContain('PROXYLET_LOG_LEVEL must be one of');
  expect(lastLine).not.toMatch(/seventy|loud/);
});

test('a taken port: 69', async () => {
  await using folder = await temporaryFolder();
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  const { code, lastLine } = await start({
    PROXYLET_STATE_DIR: folder.path,
    PROXYLET_CATALOG_PORT: String(port),
  }).ended;
  other.close();
  expect(code).toBe(69);
  expect(lastLine).toBe(
    `proxylet-catalog: Port ${port} on 127.0.0.1 is taken; set PROXYLET_CATALOG_PORT to another one, or to 0 for a free port.`,
  );
});

test('a state folder that cannot be written: 73', async () => {
  await using folder = await temporaryFolder();
  const inTheWay = join(folder.path, 'state');
  await mkdir(inTheWay);
  await writeFile(join(inTheWay, 'catalog'), 'a file');
  const { code, lastLine } = await start({ PROXYLET_STATE_DIR: inTheWay, PROXYLET_CATALOG_PORT: '0' }).ended;
  expect(code).toBe(73);
  expect(lastLine).toMatch(/^proxylet-catalog: The state folder .* cannot be written to \(EEXIST\)/);
});

test.each([
  ['fault', 73, 'proxylet-catalog: The database is read-only.'],
  ['bug', 70, 'proxylet-catalog: first line second line'],
  ['later', 70, 'proxylet-catalog: nobody caught me'],
])('a failure of kind %s: %i and one sentence', async (kind, exitCode, sentence) => {
  await using folder = await temporaryFolder();
  const { code, lastLine } = await start(
    { PROXYLET_STATE_DIR: folder.path, PROXYLET_CATALOG_PORT: '0' },
    kind,
  ).ended;
  expect([code, lastLine]).toEqual([exitCode, sentence]);
});
