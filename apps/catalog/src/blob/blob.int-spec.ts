import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { archiveOf } from '../testing/archives.js';
import { keysIn, storeOf } from '../testing/store.js';
import { type Caller, type CatalogUnderTest, startCatalog } from '../testing/catalog-under-test.js';

let catalog: CatalogUnderTest;
let reader: Caller;
let path: string;
const bytes = archiveOf({ name: 'acme/blob', readme: 'readme' });
beforeAll(async () => {
  catalog = await startCatalog();
  const paula = await catalog.as('paula');
  await paula.put('/v1/namespaces/acme');
  const { body } = await paula.send('/v1/proxylets/acme/blob/versions/1.0.0', bytes);
  path = `/v1/blobs/${body.digest}`;
  reader = await catalog.as({ subject: 'rita', scope: 'catalog:read' });
});
afterAll(() => catalog[Symbol.asyncDispose]());

describe('GET /v1/blobs/{digest}', () => {
  it('gives the archive with headers to keep it for ever and never to render it', async () => {
    const answer = await reader.download(path);
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual(bytes);
    expect(answer.headers).toMatchObject({
      'content-type': 'application/gzip',
      'content-length': String(bytes.length),
      etag: `"${path.slice('/v1/blobs/'.length)}"`,
      'accept-ranges': 'bytes',
      'cache-control': 'private, max-age=31536000, immutable',
      'x-content-type-options': 'nosniff',
    });
    expect(answer.headers['content-disposition']).toMatch(/^attachment; filename="[0-9a-f]{16}\.tgz"$/);
  });

  it('answers HEAD with the same headers and no body', async () => {
    const answer = await reader.head(path);
    expect(answer.status).toBe(200);
    expect(answer.headers['content-length']).toBe(String(bytes.length));
    expect(answer.headers['etag']).toBe(`"${path.slice('/v1/blobs/'.length)}"`);
  });

  it('gives ranges, from the front, the back and the middle', async () => {
    for (const [range, part, shown] of [
      ['bytes=0-9', bytes.subarray(0, 10), `bytes 0-9/${bytes.length}`],
      ['bytes=-5', bytes.subarray(-5), `bytes ${bytes.length - 5}-${bytes.length - 1}/${bytes.length}`],
      ['bytes=20-', bytes.subarray(20), `bytes 20-${bytes.length - 1}/${bytes.length}`],
    ] as const) {
      const answer = await reader.download(path, { range });
      expect(answer.status).toBe(206);
      expect(answer.body).toEqual(part);
      expect(answer.headers['content-range']).toBe(shown);
    }
  });

  it('answers 416 with the size for a range outside', async () => {
    const answer = await reader.get(path, { range: `bytes=${bytes.length}-` });
    expect(answer.status).toBe(416);
    expect(answer.headers['content-range']).toBe(`bytes */${bytes.length}`);
    expect(JSON.parse(answer.text)).toMatchObject({ code: 'range-not-satisfiable' });
  });

  it('honours If-Range and If-None-Match', async () => {
    const etag = `"${path.slice('/v1/blobs/'.length)}"`;
    expect((await reader.download(path, { range: 'bytes=0-1', 'if-range': etag })).status).toBe(206);
    expect((await reader.download(path, { range: 'bytes=0-1', 'if-range': '"other"' })).status).toBe(200);
    expect((await reader.get(path, { 'if-none-match': etag })).status).toBe(304);
  });

  it('answers several ranges at once with the whole, and says the digest of the whole with each part', async () => {
    const several = await reader.download(path, { range: 'bytes=0-1,4-5' });
    expect([several.status, several.body]).toEqual([200, bytes]);
    const digest = `sha-256=:${createHash('sha256').update(bytes).digest('base64')}:`;
    const part = await reader.download(path, { range: 'bytes=0-1' });
    for (const { headers } of [several, part]) expect(headers['repr-digest']).toBe(digest);
  });

  it('lets nobody keep a refusal', async () => {
    const outside = await reader.get(path, { range: `bytes=${bytes.length}-` });
    expect(outside.headers['cache-control']).toBe('no-store');
    const missing = await reader.get(`/v1/blobs/sha256:${'0'.repeat(64)}`);
    expect(missing.headers['cache-control']).toBe('no-store');
  });

  it('refuses whoever has no token or no right to read, and digests that are none', async () => {
    expect((await catalog.anonymous().get(path)).status).toBe(401);
    const publisher = await catalog.as({ subject: 'x', scope: 'catalog:publish' });
    expect((await publisher.get(path)).status).toBe(403);
    expect((await reader.get(`/v1/blobs/sha256:${'0'.repeat(64)}`)).status).toBe(404);
    expect((await reader.get('/v1/blobs/sha256:ABC')).status).toBe(400);
    expect((await reader.get('/v1/blobs/..%2f..%2fcatalog.db')).status).toBe(400);
  });

  it('says so where the store has lost the bytes', async () => {
    const paula = await catalog.as('paula');
    const { body } = await paula.publish({ name: 'acme/lost' });
    const hex: string = body.digest.slice('sha256:'.length);
    const keys = (await keysIn(catalog, 'sha256/')).filter((key) => key.includes(hex));
    expect(keys).toHaveLength(1);
    for (const key of keys) await storeOf(catalog).delete(key);
    const answer = await reader.get(`/v1/blobs/${body.digest}`);
    expect(answer.status).toBe(502);
    expect(JSON.parse(answer.text)).toMatchObject({ code: 'artifact-corrupt' });
  });
});
