import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { Agent, type ClientRequest, get, type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { startTestCatalogs, type TestCatalogs, until } from '@proxylet/testing';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { archiveOf } from '../testing/archives.js';

/** Longest a stop may take, whoever is connected. */
const boundMs = 10_000;

let test: TestCatalogs;
let authorization: string;
beforeEach(async () => {
  test = await startTestCatalogs();
  authorization = await test.bearer('paula');
  await fetch(`${catalog().url}/v1/namespaces/acme`, { method: 'PUT', headers: { authorization } });
});
afterEach(() => test[Symbol.asyncDispose]());

function catalog() {
  const [first] = test.catalogs;
  if (first === undefined) throw new Error('no catalog was started');
  return first;
}

const pathOf = (version: string) => `/v1/proxylets/acme/slow/versions/${version}`;

/** An upload of which half has arrived at the catalog. */
async function halfUpload(version: string, agent?: Agent) {
  const bytes = archiveOf({ name: 'acme/slow', version, data: randomBytes(4_000_000) });
  const sent = request(catalog().url + pathOf(version), {
    method: 'PUT',
    agent,
    headers: { authorization, 'content-type': 'application/gzip', 'content-length': bytes.length },
  });
  sent.on('error', () => undefined);
  const half = bytes.length >> 1;
  sent.write(bytes.subarray(0, half));
  await until(async () => (await spooled()).length > 0, { what: 'the catalog to receive the first half' });
  return { sent, finish: () => sent.end(bytes.subarray(half)) };
}

/** Uploads the catalog has begun to keep. */
async function spooled(): Promise<string[]> {
  const [folder = ''] = test.folders;
  return await readdir(join(folder, 'catalog/staging'));
}

async function answerTo(sent: ClientRequest): Promise<number> {
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  await text(response);
  return response.statusCode ?? 0;
}

/** Stops the catalog while `meanwhile` goes on; gives exit code and time. */
async function stopWith(meanwhile: () => Promise<void>) {
  const startedMs = performance.now();
  const stopped = catalog().stop();
  await meanwhile();
  const code = await stopped;
  return { code, ms: performance.now() - startedMs };
}

const statusOf = async (path: string) =>
  (await fetch(catalog().url + path, { headers: { authorization } })).status;

it('lets a publish under way finish, and takes no new one', async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const upload = await halfUpload('1.0.0', agent);
  const { url } = catalog();
  const { code, ms } = await stopWith(async () => {
    await until(
      () =>
        fetch(`${url}/version`).then(
          () => false,
          () => true,
        ),
      {
        what: 'the catalog to take no more connections',
      },
    );
    upload.finish();
    expect(await answerTo(upload.sent)).toBe(201);
    // Also on the connection that is still open.
    const again = get(url + pathOf('1.0.0'), { agent, headers: { authorization } });
    expect(await answerTo(again)).toBe(503);
  });
  expect(code).toBe(0);
  expect(ms).toBeLessThan(boundMs);
  await catalog().start();
  expect(await statusOf(pathOf('1.0.0'))).toBe(200);
});

it('breaks off a publish that never ends, and leaves nothing of it', async () => {
  const upload = await halfUpload('2.0.0');
  const { code, ms } = await stopWith(async () => {
    await expect(answerTo(upload.sent)).rejects.toThrow(/ECONNRESET|hang up/);
  });
  expect(code).toBe(0);
  expect(ms).toBeLessThan(boundMs);
  await catalog().start();
  expect(await statusOf(pathOf('2.0.0'))).toBe(404);
  expect(await spooled()).toEqual([]);
  const whole = await halfUpload('2.0.0');
  whole.finish();
  expect(await answerTo(whole.sent)).toBe(201);
});

it('waits for no reader of the feed', async () => {
  const { url } = catalog();
  const poll = fetch(`${url}/v1/changes?since=now&wait=30`, { headers: { authorization } });
  const stream = await fetch(`${url}/v1/changes?since=now`, {
    headers: { authorization, accept: 'text/event-stream' },
  });
  const { code, ms } = await stopWith(async () => {
    await Promise.allSettled([poll, stream.text()]);
  });
  expect(code).toBe(0);
  expect(ms).toBeLessThan(3000);
});
