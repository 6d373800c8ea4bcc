import { chmod, readdir, readFile, writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { json } from '../../test/catalog-double.js';
import { type Answer, TestEngine } from '../../test/test-engine.js';

const says = (text: string) => `export default { fetch: () => new Response(${JSON.stringify(text)}) };`;

let engine: TestEngine;
beforeEach(async () => {
  engine = await TestEngine.start({ PROXYLET_ENGINE_CATALOG_TIMEOUT_MS: '1000' });
});
afterEach(() => engine[Symbol.asyncDispose]());

async function storedFiles(): Promise<string[]> {
  const names = await readdir(join(engine.stateDir, 'artifacts'), { recursive: true });
  return names.filter((name) => name.endsWith('.tgz') || name.startsWith('tmp/'));
}

const codeOf = ({ status, body }: Answer) => [status, body['code']];

test.each<[string, (bytes: Uint8Array) => Uint8Array, string]>([
  [
    'altered on the way',
    (bytes) => bytes.map((byte, at) => (at === 60 ? byte ^ 1 : byte)),
    'the bytes have digest',
  ],
  ['cut short', (bytes) => bytes.subarray(0, -10), 'only'],
  ['longer than stated', (bytes) => Buffer.concat([bytes, Buffer.alloc(10)]), 'more than the stated'],
])('an archive that is %s is refused with the reason, and nothing is kept', async (_, tamper, reason) => {
  const { bytes } = engine.catalog.publish('acme/hello', '1.0.0', says('one'));
  engine.catalog.fault = ({ url }, response) => {
    if (url?.startsWith('/v1/blobs/') !== true) return false;
    response.writeHead(200).end(tamper(bytes));
    return true;
  };
  const refused = await engine.install('acme/hello');
  expect(codeOf(refused)).toEqual([502, 'artifact-corrupt']);
  expect(refused.body['detail']).toContain(reason);
  expect(await storedFiles()).toEqual([]);
  engine.catalog.fault = undefined;
  expect((await engine.install('acme/hello')).status).toBe(201);
});

test('a transfer that breaks off, stands still, or leads elsewhere is refused', async () => {
  const { bytes } = engine.catalog.publish('acme/hello', '1.0.0', says('one'));
  const outcome = async (answer: (response: ServerResponse) => void) => {
    engine.catalog.fault = ({ url }, response) => {
      if (url?.startsWith('/v1/blobs/') !== true) return false;
      answer(response);
      return true;
    };
    const refused = await engine.install('acme/hello');
    expect(await storedFiles()).toEqual([]);
    return refused.body['code'];
  };
  const begin = (response: ServerResponse) => {
    response.writeHead(200, { 'content-length': bytes.byteLength });
    response.write(bytes.subarray(0, 20));
  };
  expect(
    await outcome((response) => {
      begin(response);
      setTimeout(() => response.destroy(), 20);
    }),
  ).toBe('catalog-unavailable');
  expect(await outcome(begin)).toBe('catalog-unavailable');
  expect(
    await outcome((response) => void response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end()),
  ).toBe('catalog-answer-invalid');
  expect(await outcome((response) => json(response, 403, {}))).toBe('catalog-refused');
});

test('a catalog whose words differ from the archive is refused', async () => {
  engine.catalog.publish('acme/hello', '1.0.0', says('one'), { fetch: ['https://a.example'] });
  engine.catalog.alter = (lock) => ({
    ...lock,
    proxylets: lock.proxylets.map((one) => ({ ...one, permissions: { ...one.permissions, fetch: [] } })),
  });
  const hidden = await engine.install('acme/hello', {});
  expect(codeOf(hidden)).toEqual([502, 'artifact-corrupt']);
  expect(hidden.body['detail']).toContain('it asks other permissions');
  const other = engine.catalog.publish('acme/other', '1.0.0', says('evil'));
  engine.catalog.alter = (lock) => ({
    ...lock,
    proxylets: lock.proxylets.map((one) => ({
      ...one,
      digest: other.digest,
      sizeBytes: other.bytes.byteLength,
    })),
  });
  const swapped = await engine.install('acme/hello', { consent: true });
  expect(swapped.body['detail']).toContain('its manifest names acme/other');
});

test.each<[string, unknown]>([
  ['no lock', { proxylets: 7 }],
  ['a lock without what was asked', { proxylets: [], services: [] }],
  ['no JSON', undefined],
])('a catalog that answers %s is refused', async (_, body) => {
  engine.catalog.fault = ({ url }, response) => {
    if (url !== '/v1/resolve') return false;
    if (body === undefined) response.end('<html>');
    else json(response, 200, body);
    return true;
  };
  expect(codeOf(await engine.install('acme/hello'))).toEqual([502, 'catalog-answer-invalid']);
});

test('an archive altered on the disk is refused by its digest and fetched anew', async () => {
  const { digest } = engine.catalog.publish('acme/hello', '1.0.0', says('one'));
  await engine.install('acme/hello');
  const hex = digest.slice('sha256:'.length);
  const file = join(engine.stateDir, 'artifacts', 'sha256', hex.slice(0, 2), `${hex}.tgz`);
  await engine.restart(async () => {
    const bytes = await readFile(file);
    bytes[60] = (bytes[60] ?? 0) ^ 1;
    await chmod(file, 0o600);
    await writeFile(file, bytes);
  });
  const refused = await engine.call('GET', '/run/acme/hello/');
  expect(codeOf(refused)).toEqual([502, 'artifact-corrupt']);
  expect(refused.body['detail']).toContain('the bytes have digest');
  const { body } = await engine.call('GET', '/v1/installations/acme/hello');
  expect(body['state']).toBe('broken');
  const repaired = await engine.install('acme/hello', { version: '1.0.0' });
  expect([repaired.status, repaired.body['reason']]).toEqual([200, 'repaired']);
  expect(engine.catalog.downloads).toBe(2);
  expect((await engine.call('GET', '/run/acme/hello/')).text).toBe('one');
});
