import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { tarEnd, tarHeader, tarPadding } from '@proxylet/artifact';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Database } from '../../dist/index.js';
import { type Caller, type CatalogUnderTest, startCatalog } from '../testing/catalog-under-test.js';
import { hasPostgres, startPostgres, type TestPostgres } from '../testing/postgres.js';

const service = 'service=acme%2Fshop';
const engine = { runtimes: [{ type: 'isolate', version: '1.0.0' }] };

async function filled(): Promise<CatalogUnderTest> {
  const catalog = await startCatalog();
  const paula = await catalog.as('paula');
  await paula.put('/v1/namespaces/acme');
  await paula.publish({ name: 'acme/exif', readme: '# Exif ✓' });
  await paula.publish({ name: 'acme/exif', version: '1.1.0' });
  await paula.publish({ name: 'acme/exif', version: '2.0.0' });
  await paula.publish({
    name: 'acme/thumb',
    manifest: { dependencies: { 'acme/exif': '^1' }, keywords: ['small'] },
  });
  await paula.put('/v1/proxylets/acme/exif/channels/next', { version: '1.1.0' });
  await paula.patch('/v1/proxylets/acme/thumb/versions/1.0.0', {
    state: 'deprecated',
    reason: 'use 2',
    severity: 'info',
  });
  await paula.put('/v1/services/acme/shop', {
    version: '1.0.0',
    description: 'Shop',
    proxylets: { 'acme/thumb': '^1' },
  });
  return catalog;
}

/** Rows that something left behind would be in. */
async function rowsOf(catalog: CatalogUnderTest): Promise<Record<string, number>> {
  const { read } = catalog.app.nest.get(Database);
  const counts: Record<string, number> = {};
  for (const table of ['namespace', 'proxylet', 'version', 'blob', 'service_version', 'audit', 'change']) {
    const [row] = await read.query<{ count: number | string }[]>(`SELECT COUNT(*) AS count FROM ${table}`);
    counts[table] = Number(row?.count);
  }
  return counts;
}

async function filesOf(catalog: CatalogUnderTest): Promise<string[]> {
  const lists = await Promise.all(
    ['blobs', 'staging'].map((name) =>
      readdir(join(catalog.folder, name), { recursive: true, withFileTypes: true }).catch(() => []),
    ),
  );
  return lists.flat().flatMap((entry) => (entry.isFile() ? [entry.name] : []));
}

function tarOf(files: Readonly<Record<string, Buffer>>): Buffer {
  const members = Object.entries(files).flatMap(([path, bytes]) => [
    tarHeader(path, bytes.length),
    bytes,
    tarPadding(bytes.length),
  ]);
  return Buffer.concat([...members, tarEnd()]);
}

async function send(caller: Caller, bytes: Buffer, query = '') {
  return await caller.sendPost(`/v1/import${query}`, bytes, { 'content-type': 'application/octet-stream' });
}

function bundleSuite(kind: string, environment: () => Readonly<Record<string, string>>): void {
  describe(`an export, imported into a catalog on ${kind}`, () => {
    let from: CatalogUnderTest;
    let to: CatalogUnderTest;
    let there: Caller;
    let here: Caller;
    let bundle: Buffer;
    beforeAll(async () => {
      from = await filled();
      to = await startCatalog(environment());
      there = await from.as('paula');
      here = await to.as('oscar');
      bundle = (await there.download(`/v1/export?${service}&proxylet=acme%2Fexif@%3E=1`)).body as Buffer;
    });
    afterAll(async () => {
      await to[Symbol.asyncDispose]();
      await from[Symbol.asyncDispose]();
    });

    it('is refused with whatever byte of it changed, and leaves nothing', async () => {
      const empty = [await rowsOf(to), await filesOf(to)];
      const step = Math.ceil(bundle.length / 60);
      const codes = new Set<string>();
      for (let at = 7; at < bundle.length - 1024; at += step) {
        const altered = Buffer.from(bundle);
        altered[at] = (altered[at] ?? 0) ^ 0x20;
        // What only pads a member is no part of it.
        if (bundle[at] === 0 && bundle.subarray(at, at + 16).every((byte) => byte === 0)) continue;
        const { status, body } = await send(here, altered);
        expect([at, status >= 400 && status < 500, typeof body.detail]).toEqual([at, true, 'string']);
        codes.add(body.code as string);
      }
      expect([...codes].toSorted()).toContain('bundle-invalid');
      for (const cut of [0, 511, 5000, bundle.length - 1024 - 600])
        expect((await send(here, bundle.subarray(0, cut))).status).toBe(422);
      expect([await rowsOf(to), await filesOf(to)]).toEqual(empty);
    });

    it('is refused where it is made to look like something else', async () => {
      const index = JSON.parse(
        bundle.toString('utf8', 512, 512 + Number.parseInt(bundle.toString('latin1', 124, 135), 8)),
      ) as {
        proxylets: { name: string; versions: object[] }[];
      };
      const withIndex = (value: object) => tarOf({ 'index.json': Buffer.from(JSON.stringify(value)) });
      const [first] = index.proxylets;
      const bad: [Buffer, string][] = [
        [Buffer.from('nothing'), 'archive-invalid'],
        [tarOf({ 'other.json': Buffer.from('{}') }), 'bundle-invalid'],
        [tarOf({ 'index.json': Buffer.from('{') }), 'bundle-invalid'],
        [tarOf({ 'index.json': Buffer.alloc(5 * 1024 * 1024, ' ') }), 'bundle-invalid'],
        [withIndex({ ...index, format: 'other' }), 'bundle-invalid'],
        [withIndex({ ...index, extra: 1 }), 'bundle-invalid'],
        [withIndex({ ...index, proxylets: [first, first] }), 'bundle-invalid'],
        [withIndex({ ...index, proxylets: [{ ...first, name: '../x' }] }), 'bundle-invalid'],
        [withIndex(index), 'bundle-invalid'],
      ];
      for (const [bytes, code] of bad) {
        const startedMs = performance.now();
        const { body } = await send(here, bytes);
        expect([code, body.detail]).toEqual([body.code, body.detail]);
        expect(performance.now() - startedMs).toBeLessThan(1000);
      }
      const swapped = {
        ...index,
        proxylets: index.proxylets.map((one) => Object.assign({}, one, { name: `${one.name}-x` })),
      };
      const text = Buffer.from(JSON.stringify(swapped));
      const rest = bundle.subarray(
        512 + Math.ceil(Number.parseInt(bundle.toString('latin1', 124, 135), 8) / 512) * 512,
      );
      const renamed = Buffer.concat([
        tarHeader('index.json', text.length),
        text,
        tarPadding(text.length),
        rest,
      ]);
      expect((await send(here, renamed)).body.code).toBe('manifest-mismatch');
    });

    it('says with a dry run what it would do, and does nothing', async () => {
      const before = await rowsOf(to);
      const dry = await send(here, bundle, '?dry-run=true');
      expect([dry.status, dry.body.versions.length]).toEqual([200, 4]);
      expect(await rowsOf(to)).toEqual(before);
    });

    it('has everything the first catalog has of it, byte by byte, and resolves', async () => {
      const imported = await send(here, bundle);
      expect(imported.status).toBe(201);
      expect(imported.body).toEqual({
        versions: ['acme/exif@2.0.0', 'acme/exif@1.1.0', 'acme/exif@1.0.0', 'acme/thumb@1.0.0'].toSorted(),
        services: ['acme/shop@1.0.0'],
        known: 0,
      });
      const own = new Set(['createdAt', 'publishedAt', 'publishedBy', 'registeredAt', 'registeredBy']);
      const shared = (value: unknown): unknown =>
        JSON.parse(JSON.stringify(value, (name, member: unknown) => (own.has(name) ? undefined : member)));
      const digests: string[] = [];
      for (const [name, versions] of [
        ['exif', ['1.0.0', '1.1.0', '2.0.0']],
        ['thumb', ['1.0.0']],
      ] as const) {
        const paths = ['', '/versions', ...versions.map((version) => `/versions/${version}`)];
        for (const path of paths) {
          const [a, b] = [
            await there.get(`/v1/proxylets/acme/${name}${path}`),
            await here.get(`/v1/proxylets/acme/${name}${path}`),
          ];
          expect(shared(b.body)).toEqual(shared(a.body));
          if (typeof a.body.digest === 'string') digests.push(a.body.digest as string);
        }
      }
      expect((await here.get('/v1/proxylets/acme/exif/versions/1.0.0/readme')).text).toBe('# Exif ✓');
      for (const digest of digests) {
        const [a, b] = [
          await there.download(`/v1/blobs/${digest}`),
          await here.download(`/v1/blobs/${digest}`),
        ];
        expect([b.status, Buffer.compare(a.body, b.body)]).toEqual([200, 0]);
      }
      expect(shared((await here.get('/v1/services/acme/shop')).body)).toEqual(
        shared((await there.get('/v1/services/acme/shop')).body),
      );
      const wants = [{ service: 'acme/shop' }];
      const [a, b] = [
        await there.post('/v1/resolve', { engine, wants }),
        await here.post('/v1/resolve', { engine, wants }),
      ];
      expect(b.body).toEqual(a.body);
      expect((await here.get('/v1/namespaces/acme')).body.role).toBe('owner');
    });

    it('changes nothing the second time, brings what changed since, and is no way around a number', async () => {
      const before = await rowsOf(to);
      const again = await send(here, bundle);
      expect([again.status, again.body]).toEqual([200, { versions: [], services: [], known: 4 }]);
      expect(await rowsOf(to)).toEqual(before);
      await there.patch('/v1/proxylets/acme/thumb/versions/1.0.0', {
        state: 'published',
        reason: 'fine after all',
      });
      await there.put('/v1/proxylets/acme/exif/channels/next', { version: '2.0.0' });
      const later = (await there.download(`/v1/export?proxylet=acme%2Fthumb&proxylet=acme%2Fexif@*`))
        .body as Buffer;
      expect((await send(here, later)).status).toBe(200);
      expect((await here.get('/v1/proxylets/acme/thumb/versions/1.0.0')).body).toMatchObject({
        state: 'published',
      });
      expect((await here.get('/v1/proxylets/acme/exif')).body.channels).toEqual({ next: '2.0.0' });
      await here.publish({
        name: 'acme/exif',
        version: '3.0.0',
        main: 'export default { fetch() { return new Response("ours"); } };',
      });
      await there.publish({ name: 'acme/exif', version: '3.0.0' });
      const clashing = (await there.download('/v1/export?proxylet=acme%2Fexif')).body as Buffer;
      expect((await send(here, clashing)).body.code).toBe('version-exists');
    });

    it('is for owners, and holds only what its reader may read', async () => {
      const eve = await to.as('eve');
      expect((await send(eve, bundle)).body.code).toBe('forbidden');
      const reader = await to.as({ subject: 'rea', scope: 'catalog:read' });
      expect((await send(reader, bundle)).body.code).toBe('insufficient-scope');
      await there.publish({ name: 'acme/secret' });
      await there.patch('/v1/proxylets/acme/secret', { visibility: 'private', reason: 'ours' });
      const outside = await from.as('eve');
      expect((await outside.get('/v1/export?proxylet=acme%2Fsecret')).body.code).toBe('not-found');
      const secret = (await there.download('/v1/export?proxylet=acme%2Fsecret')).body as Buffer;
      expect((await send(here, secret)).status).toBe(201);
      expect((await eve.get('/v1/proxylets/acme/secret')).status).toBe(404);
      expect((await here.get('/v1/proxylets/acme/secret')).body.visibility).toBe('private');
      expect((await there.get('/v1/export')).body.code).toBe('invalid-request');
      expect((await there.get('/v1/export?proxylet=acme%2Fnothing')).body.code).toBe('not-found');
      expect((await there.get('/v1/export?proxylet=x')).body.code).toBe('invalid-name');
    });
  });
}

bundleSuite('SQLite', () => ({}));

if (hasPostgres) {
  let postgres: TestPostgres;
  beforeAll(async () => {
    postgres = await startPostgres();
  });
  afterAll(() => postgres[Symbol.asyncDispose]());
  bundleSuite('PostgreSQL', () => ({ PROXYLET_CATALOG_DATABASE_URL: postgres.url }));
}
