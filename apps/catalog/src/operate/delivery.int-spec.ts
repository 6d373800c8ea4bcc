import { randomBytes } from 'node:crypto';
import { get, type IncomingMessage } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { buffer } from 'node:stream/consumers';
import { residentBytes, startTestCatalogs } from '@proxylet/testing';
import { describe, expect, it } from 'vitest';
import { archiveOf } from '../testing/archives.js';
import { hasS3, makeBucket } from '../testing/bucket.js';
import { type CatalogUnderTest, startCatalog } from '../testing/catalog-under-test.js';

const bytes = archiveOf({ name: 'acme/blob' });

async function publishBlob(catalog: CatalogUnderTest): Promise<string> {
  const paula = await catalog.as('paula');
  await paula.put('/v1/namespaces/acme');
  const { body } = await paula.send('/v1/proxylets/acme/blob/versions/1.0.0', bytes);
  return `/v1/blobs/${body.digest}`;
}

describe.runIf(hasS3)('a catalog that sends readers on to its object store', () => {
  it('gives an address that is short, soon over, good for this archive only, and needs no token', async () => {
    await using bucket = makeBucket();
    await using catalog = await startCatalog({ ...bucket.settings, PROXYLET_CATALOG_DELIVERY: 'redirect' });
    const path = await publishBlob(catalog);
    const rita = await catalog.as({ subject: 'rita', scope: 'catalog:read' });
    const sent = await rita.get(path);
    expect(sent.status).toBe(307);
    expect(sent.headers).toMatchObject({ 'cache-control': 'no-store', vary: 'Prefer' });
    const { location = '' } = sent.headers as { location?: string };
    expect(location.startsWith(`${bucket.endpoint}/${bucket.bucket}/`)).toBe(true);
    expect(location.length).toBeLessThan(1024);
    expect(Number(new URL(location).searchParams.get('X-Amz-Expires'))).toBeLessThanOrEqual(300);
    expect(location).not.toContain(bucket.secretKey);

    const direct = await fetch(location);
    expect(Buffer.from(await direct.arrayBuffer())).toEqual(bytes);
    expect(direct.headers.get('content-type')).toBe('application/gzip');
    expect(direct.headers.get('content-disposition')).toMatch(/^attachment; filename="[0-9a-f]{16}\.tgz"$/);
    expect(direct.headers.get('cache-control')).toContain('immutable');
    const part = await fetch(location, { headers: { range: 'bytes=3-6' } });
    expect([part.status, Buffer.from(await part.arrayBuffer())]).toEqual([206, bytes.subarray(3, 7)]);
    const tampered = location.replace(/[0-9a-f]{64}/, '0'.repeat(64));
    expect((await fetch(tampered)).status).toBeGreaterThanOrEqual(400);
  });

  it('sends the bytes itself to whoever prefers that, and answers HEAD and what is not there itself', async () => {
    await using bucket = makeBucket();
    await using catalog = await startCatalog({ ...bucket.settings, PROXYLET_CATALOG_DELIVERY: 'redirect' });
    const path = await publishBlob(catalog);
    const rita = await catalog.as({ subject: 'rita', scope: 'catalog:read' });
    const proxied = await rita.download(path, { prefer: 'delivery=proxy' });
    expect([proxied.status, proxied.body]).toEqual([200, bytes]);
    const head = await rita.head(path);
    expect([head.status, head.headers['content-length']]).toEqual([200, String(bytes.length)]);
    expect((await rita.get(`/v1/blobs/sha256:${'0'.repeat(64)}`)).status).toBe(404);
    const etag = head.headers['etag'] ?? '';
    expect((await rita.get(path, { 'if-none-match': etag })).status).toBe(304);
    const stranger = await catalog.as({ subject: 'x', scope: 'catalog:publish' });
    expect((await stranger.get(path)).status).toBe(403);
  });
});

const readers = 4;
const mebibyte = 2 ** 20;

describe.each([
  ['a folder', true],
  ['an object store', hasS3],
])('a large archive from %s', (kind, isHere) => {
  it.runIf(isHere)('reaches slow readers whole, and does not pile up for them', async () => {
    const bucket = kind === 'a folder' ? undefined : makeBucket();
    await using test = await startTestCatalogs({ settings: bucket?.settings ?? {} });
    const [catalog] = test.catalogs;
    if (catalog === undefined) throw new Error('no catalog was started');
    const headers = { authorization: await test.bearer('paula') };
    const large = archiveOf({ name: 'acme/large', data: randomBytes(30 * mebibyte) });
    await fetch(`${catalog.url}/v1/namespaces/acme`, { method: 'PUT', headers });
    const published = await fetch(`${catalog.url}/v1/proxylets/acme/large/versions/1.0.0`, {
      method: 'PUT',
      headers: { ...headers, 'content-type': 'application/gzip' },
      body: new Uint8Array(large),
    });
    const { digest } = (await published.json()) as { digest: string };
    const url = `${catalog.url}/v1/blobs/${digest}`;
    // Once before, so that what is loaded by the first of its kind does not count.
    expect((await buffer(await answerOf(url, headers))).equals(large)).toBe(true);

    const before = await steadyBytes(catalog.pid);
    const answers = await Promise.all(Array.from({ length: readers }, () => answerOf(url, headers)));
    const grown = (await steadyBytes(catalog.pid)) - before;
    expect(grown / mebibyte).toBeLessThan(64);
    for (const answer of answers) expect((await buffer(answer)).equals(large)).toBe(true);
    await bucket?.[Symbol.asyncDispose]();
  });
});

/** An answer of which nothing but the headers is read yet. */
function answerOf(url: string, headers: Readonly<Record<string, string>>): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    get(url, { agent: false, headers }, resolve).once('error', reject);
  });
}

/** Resident memory once it no longer grows. */
async function steadyBytes(pid: number): Promise<number> {
  for (let last = 0; ; ) {
    const now = residentBytes(pid) ?? 0;
    if (now <= last + mebibyte / 4) return now;
    last = now;
    await wait(300);
  }
}
