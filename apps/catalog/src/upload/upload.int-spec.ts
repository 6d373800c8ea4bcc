import { createHash, randomBytes } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { archiveOf } from '../testing/archives.js';
import { type Caller, type CatalogUnderTest, startCatalog } from '../testing/catalog-under-test.js';
import { keysIn } from '../testing/store.js';

let catalog: CatalogUnderTest;
let paula: Caller;
let headers: Record<string, string>;
beforeAll(async () => {
  catalog = await startCatalog({ PROXYLET_CATALOG_MAX_PACKED_BYTES: '3000000' });
  paula = await catalog.as('paula');
  await paula.put('/v1/namespaces/acme');
  headers = {
    authorization: `Bearer ${await catalog.issuer.token({ subject: 'paula' })}`,
    'content-type': 'application/octet-stream',
  };
});
afterAll(() => catalog[Symbol.asyncDispose]());

const digestOf = (bytes: Buffer) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
const large = (name: string) => archiveOf({ name, readme: randomBytes(1_000_000).toString('hex') });

async function open(name: string, bytes: Buffer): Promise<string> {
  const answer = await paula.post('/v1/uploads', { name, digest: digestOf(bytes), size: bytes.length });
  expect(answer.status).toBe(201);
  expect(answer.headers['location']).toBe(`/v1/uploads/${answer.body.id}`);
  return answer.body.id as string;
}

async function part(id: string, offset: number, bytes: Buffer): Promise<Response> {
  return await fetch(`${catalog.url}/v1/uploads/${id}`, {
    method: 'PATCH',
    headers: { ...headers, 'upload-offset': String(offset) },
    body: new Uint8Array(bytes),
  });
}

async function publishToken(label: string): Promise<Caller> {
  const expiresAt = new Date(Date.now() + 3_600_000).toISOString();
  const made = await paula.post('/v1/tokens', {
    label,
    actions: ['publish'],
    resources: ['acme/*'],
    expiresAt,
  });
  return catalog.bearing(made.body.token as string);
}

describe('an upload in parts', () => {
  it('is published once it is complete, and leaves nothing but the version', async () => {
    const bytes = large('acme/parts');
    const id = await open('acme/parts', bytes);
    const route = '/v1/proxylets/acme/parts/versions/1.0.0';
    expect((await part(id, 0, bytes.subarray(0, 400_000))).headers.get('upload-offset')).toBe('400000');
    const early = await paula.put(route, { upload: id });
    expect(early.body).toMatchObject({ code: 'upload-incomplete', offset: 400_000, size: bytes.length });
    expect((await part(id, 400_000, bytes.subarray(400_000))).status).toBe(200);
    const head = await paula.head(`/v1/uploads/${id}`);
    expect(head.headers).toMatchObject({
      'upload-offset': String(bytes.length),
      'upload-length': String(bytes.length),
    });
    expect(await keysIn(catalog, 'uploads/')).toHaveLength(2);
    expect((await paula.put(`${route}?dry-run=true`, { upload: id })).status).toBe(200);
    const published = await paula.put(route, { upload: id });
    expect(published.status).toBe(201);
    expect((await paula.download(`/v1/blobs/${digestOf(bytes)}`)).body.equals(bytes)).toBe(true);
    expect((await paula.get(`/v1/uploads/${id}`)).status).toBe(404);
    expect(await keysIn(catalog, 'uploads/')).toEqual([]);
  });

  it('tells the right offset to who is wrong about it, and takes one of two parts for one place', async () => {
    const bytes = large('acme/offset');
    const id = await open('acme/offset', bytes);
    const wrong = await part(id, 7, bytes);
    expect(wrong.status).toBe(409);
    expect(wrong.headers.get('upload-offset')).toBe('0');
    expect(await wrong.json()).toMatchObject({ code: 'upload-offset-mismatch', offset: 0 });
    const both = await Promise.all([1, 2].map(() => part(id, 0, bytes.subarray(0, 300_000))));
    expect(both.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 409]);
    expect((await paula.get(`/v1/uploads/${id}`)).body.offset).toBe(300_000);
    expect((await keysIn(catalog, 'uploads/')).filter((key) => key.includes(id))).toHaveLength(1);
    expect((await paula.delete(`/v1/uploads/${id}`)).status).toBe(204);
    expect(await keysIn(catalog, 'uploads/')).toEqual([]);
    expect((await part(id, 300_000, bytes)).status).toBe(404);
  });

  it('goes on after a part that was cut off', async () => {
    const bytes = large('acme/cut');
    const id = await open('acme/cut', bytes);
    const request = httpRequest(`${catalog.url}/v1/uploads/${id}`, {
      method: 'PATCH',
      headers: { ...headers, 'upload-offset': '0', 'content-length': bytes.length },
    });
    request.on('error', () => undefined);
    request.write(bytes.subarray(0, 350_000), () => request.destroy());
    const offset = await vi.waitFor(async () => {
      const { body } = await paula.get(`/v1/uploads/${id}`);
      expect(body.offset).toBeGreaterThan(0);
      return body.offset as number;
    });
    expect(offset).toBeLessThanOrEqual(350_000);
    expect((await part(id, offset, bytes.subarray(offset))).status).toBe(200);
    expect((await paula.put('/v1/proxylets/acme/cut/versions/1.0.0', { upload: id })).status).toBe(201);
  });

  it('must turn out to be what it was said to be', async () => {
    const bytes = large('acme/said');
    const other = large('acme/said');
    const id = await open('acme/said', bytes);
    const beyond = await part(id, 0, Buffer.concat([bytes, bytes]));
    expect(await beyond.json()).toMatchObject({ status: 413, code: 'archive-too-large' });
    await part(id, 0, other.subarray(0, 200_000));
    await part(id, 200_000, bytes.subarray(200_000));
    const route = '/v1/proxylets/acme/said/versions/1.0.0';
    expect((await paula.put(route, { upload: id })).body.code).toMatch(
      /^(?:archive-invalid|digest-mismatch)$/,
    );
    expect((await paula.put('/v1/proxylets/acme/else/versions/1.0.0', { upload: id })).status).toBe(400);
    await paula.delete(`/v1/uploads/${id}`);
  });

  it('is its owner’s alone', async () => {
    const bytes = large('acme/own');
    const id = await open('acme/own', bytes);
    const bob = await catalog.as('bob');
    expect((await bob.get(`/v1/uploads/${id}`)).status).toBe(404);
    expect((await bob.delete(`/v1/uploads/${id}`)).status).toBe(404);
    const wish = { name: 'acme/own', digest: digestOf(bytes), size: bytes.length };
    expect((await bob.post('/v1/uploads', wish)).status).toBe(403);
    await paula.delete(`/v1/uploads/${id}`);
  });

  it('is for the publish token it was opened with, and for nobody else of the same owner', async () => {
    const [ci, other] = [await publishToken('ci'), await publishToken('other')];
    const bytes = archiveOf({ name: 'acme/granted' });
    const wish = { name: 'acme/granted', digest: digestOf(bytes), size: bytes.length };
    const { body } = await ci.post('/v1/uploads', wish);
    const path = `/v1/uploads/${body.id}`;
    const headers = { 'upload-offset': '0' };
    const route = '/v1/proxylets/acme/granted/versions/1.0.0';
    for (const stranger of [other, paula]) {
      expect((await stranger.get(path)).status).toBe(404);
      expect((await stranger.sendPatch(path, bytes, headers)).status).toBe(404);
      expect((await stranger.put(route, { upload: body.id })).status).toBe(404);
      expect((await stranger.delete(path)).status).toBe(404);
    }
    expect((await ci.sendPatch(path, bytes, headers)).status).toBe(200);
    expect((await ci.put(route, { upload: body.id })).status).toBe(201);
  });

  it('takes what it can of a part that another one overtook, whoever of eight comes first', async () => {
    const bytes = large('acme/race');
    const id = await open('acme/race', bytes);
    const step = Math.ceil(bytes.length / 4);
    for (let at = 0; at < bytes.length; at += step) {
      const answers = await Promise.all(
        Array.from({ length: 8 }, () => part(id, at, bytes.subarray(at, at + step))),
      );
      const taken = answers.filter(({ status }) => status === 200);
      expect([taken.length, answers.filter(({ status }) => status === 409).length]).toEqual([1, 7]);
    }
    const publishes = await Promise.all(
      Array.from({ length: 4 }, () => paula.put('/v1/proxylets/acme/race/versions/1.0.0', { upload: id })),
    );
    const statuses = publishes.map(({ status }) => status);
    expect(statuses.filter((status) => status === 201)).toHaveLength(1);
    expect(statuses.every((status) => [200, 201, 404].includes(status))).toBe(true);
    expect((await paula.download(`/v1/blobs/${digestOf(bytes)}`)).body.equals(bytes)).toBe(true);
    expect(await keysIn(catalog, 'uploads/')).toEqual([]);
  });

  it('is refused at opening where the archive would be too large, or the wish makes no sense', async () => {
    const wish = { name: 'acme/x', digest: `sha256:${'0'.repeat(64)}`, size: 3_000_001 };
    expect((await paula.post('/v1/uploads', wish)).body).toMatchObject({
      status: 413,
      code: 'archive-too-large',
    });
    for (const wrong of [{ size: 0 }, { size: 1.5 }, { name: 'acme' }, { digest: 'sha256:x' }, { more: 1 }])
      expect((await paula.post('/v1/uploads', { ...wish, ...wrong })).status).toBe(400);
  });
});
