import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ServiceProcess } from './service-process.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'proxylet-service-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Tells a made-up port the first time and the given one afterwards; ends cleanly when asked to. */
const wellBehaved = `
process.on('SIGTERM', () => process.exit(0));
const port = process.env.PORT === '0' ? 4711 : process.env.PORT;
console.error('starts with', process.env.PORT, Object.keys(process.env).includes('VITEST'));
console.log(JSON.stringify({ ready: true, url: 'http://127.0.0.1:' + port, pid: process.pid }));
setInterval(() => undefined, 1000);`;

async function serviceOf(source: string, readyTimeoutMs?: number): Promise<ServiceProcess> {
  const main = join(folder, `${crypto.randomUUID()}.mjs`);
  await writeFile(main, source);
  return new ServiceProcess({
    name: 'sample',
    main,
    settings: (port) => ({ PORT: String(port) }),
    readyTimeoutMs,
  });
}

it('keeps its address over a restart, and passes on nothing of the test run', async () => {
  await using service = await serviceOf(wellBehaved);
  await service.start();
  const { url, pid } = service;
  await service.restart();
  expect(service.url).toBe(url);
  expect(service.pid).not.toBe(pid);
  expect(service.lines).toEqual(['starts with 0 false', 'starts with 4711 false']);
});

it('tells how a stop and a kill went', async () => {
  await using service = await serviceOf(wellBehaved);
  await service.start();
  expect(await service.stop()).toBe(0);
  expect(service.isRunning).toBe(false);
  await service.start();
  await service.kill();
  expect(() => service.pid).toThrow('does not run');
});

it('fails with what the service said when that ends at once', async () => {
  await using service = await serviceOf(`console.error('no such setting'); process.exitCode = 64;`);
  await expect(service.start()).rejects.toThrow(/exit code 64[^]*no such setting/);
});

it('fails, and leaves nothing behind, when the service never gets ready', async () => {
  await using service = await serviceOf('setInterval(() => undefined, 1000);', 200);
  await expect(service.start()).rejects.toThrow(/not ready after 200 ms/);
});
