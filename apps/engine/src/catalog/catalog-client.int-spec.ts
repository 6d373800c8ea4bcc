import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { CatalogClient } from './catalog-client.js';

const digest = `sha256:${'0'.repeat(64)}` as const;
const servers: Server[] = [];
let client: CatalogClient | undefined;
afterEach(async () => {
  await client?.[Symbol.asyncDispose]();
  for (const server of servers.splice(0)) server.close().closeAllConnections();
});

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A catalog that sends every reader to `location`, unless it is asked for the bytes themselves. */
async function downloadBy(location: string, seen: IncomingMessage[] = []): Promise<string> {
  const url = await serve((request, response) => {
    seen.push(request);
    if (request.headers['prefer'] === 'delivery=proxy') response.end('from the catalog');
    else response.writeHead(307, { location }).end();
  });
  const tokens = { token: () => Promise.resolve('secret-token'), forget: () => undefined };
  client = new CatalogClient({ url, tokens, maxArchiveBytes: 1e6, timeoutMs: 1000 });
  const parts: Uint8Array[] = [];
  for await (const part of client.download(digest)) parts.push(part);
  return Buffer.concat(parts).toString();
}

test('follows the catalog to its store, which gets neither token nor cookie', async () => {
  const atStore: IncomingMessage[] = [];
  const store = await serve((request, response) => {
    atStore.push(request);
    response.end('from the store');
  });
  expect(await downloadBy(`${store}/bucket/blob?X-Amz-Signature=abc`)).toBe('from the store');
  expect(atStore.map(({ url }) => url)).toEqual(['/bucket/blob?X-Amz-Signature=abc']);
  expect(JSON.stringify(atStore[0]?.rawHeaders)).not.toMatch(/secret-token|authorization|cookie/i);
});

test.each([
  ['refuses', 403],
  ['fails', 503],
  ['sends on again', 307],
])('asks the catalog for the bytes where its store %s', async (_, status) => {
  const seen: IncomingMessage[] = [];
  const store = await serve((_request, response) => {
    response.writeHead(status, { location: 'http://127.0.0.1:9/' }).end('<Error/>');
  });
  expect(await downloadBy(`${store}/blob`, seen)).toBe('from the catalog');
  expect(seen.map(({ headers }) => headers['prefer'])).toEqual([undefined, 'delivery=proxy']);
});

test('asks the catalog for the bytes where its store is out of reach', async () => {
  expect(await downloadBy('http://127.0.0.1:9/blob')).toBe('from the catalog');
});

test.each(['file:///etc/passwd', 'ftp://store/blob', 'http://user:word@store/blob', '/relative', ''])(
  'does not follow to %j',
  async (location) => {
    await expect(downloadBy(location)).rejects.toMatchObject({ code: 'catalog-answer-invalid' });
  },
);
