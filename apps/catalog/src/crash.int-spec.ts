import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { archiveOf } from './testing/archives.js';
import { startIssuer, type TestIssuer } from './testing/issuer.js';

let issuer: TestIssuer;
let stateDir: string;
let running: ChildProcess | undefined;
beforeAll(async () => {
  issuer = await startIssuer();
  stateDir = await mkdtemp(join(tmpdir(), 'crash-'));
});
afterAll(async () => {
  running?.kill('SIGKILL');
  await issuer[Symbol.asyncDispose]();
  await rm(stateDir, { recursive: true, force: true });
});

/** The built service as its own process, with its ready line's address. */
async function start(): Promise<{ readonly url: string; readonly kill: () => Promise<void> }> {
  const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));
  const child = spawn(process.execPath, [main], {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: {
      PROXYLET_STATE_DIR: stateDir,
      PROXYLET_CATALOG_PORT: '0',
      PROXYLET_AUTH_ISSUERS: JSON.stringify([{ issuer: issuer.url, algs: ['ES256'] }]),
    },
  });
  running = child;
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  const { url, pid } = JSON.parse(line) as { url: string; pid: number };
  expect(pid).toBe(child.pid);
  return {
    url,
    kill: async () => {
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    },
  };
}

const pathOf = (version: string) => `/v1/proxylets/acme/crash/versions/${version}`;
const rounds = 8;
const perRound = 8;

it('kill -9 while publishing: every version is whole or absent, none answered is lost, no number is burned', async () => {
  const headers = { authorization: `Bearer ${await issuer.token({ subject: 'paula' })}` };
  const archives = new Map<string, Buffer>();
  const answered = new Set<string>();
  const put = async (url: string, version: string) => {
    const bytes =
      archives.get(version) ?? archiveOf({ name: 'acme/crash', version, readme: version.repeat(3000) });
    archives.set(version, bytes);
    const body = new Uint8Array(bytes);
    const response = await fetch(url + pathOf(version), {
      method: 'PUT',
      headers: { ...headers, 'content-type': 'application/gzip' },
      body,
    });
    if (response.ok) answered.add(version);
    return response.status;
  };

  for (let round = 0; round < rounds; round += 1) {
    const service = await start();
    await fetch(`${service.url}/v1/namespaces/acme`, { method: 'PUT', headers });
    const versions = Array.from({ length: perRound }, (_, index) => `${round}.${index}.0`);
    const before = answered.size;
    const uploads = Promise.allSettled(versions.map((version) => put(service.url, version)));
    // Another moment of the work in each round: when none, one, two … of the uploads was answered.
    await vi.waitFor(
      () => {
        expect(answered.size - before).toBeGreaterThanOrEqual(round % perRound);
      },
      { interval: 1, timeout: 20_000 },
    );
    await service.kill();
    await uploads;
  }

  const service = await start();
  expect(await readdir(join(stateDir, 'catalog/staging'))).toEqual([]);
  let absent = 0;
  for (const [version, bytes] of archives) {
    const response = await fetch(service.url + pathOf(version), { headers });
    if (response.status === 404) {
      absent += 1;
      expect(answered.has(version)).toBe(false);
      continue;
    }
    const { digest, blob } = (await response.json()) as { digest: string; blob: string };
    const stored = Buffer.from(await (await fetch(service.url + blob, { headers })).arrayBuffer());
    expect(`sha256:${createHash('sha256').update(stored).digest('hex')}`).toBe(digest);
    expect(stored).toEqual(bytes);
  }
  for (const version of archives.keys()) expect([200, 201]).toContain(await put(service.url, version));
  // The kills did fall into the work: some were cut off, some were answered.
  expect(absent).toBeGreaterThan(0);
  expect(absent).toBeLessThan(archives.size);
  await service.kill();
});
