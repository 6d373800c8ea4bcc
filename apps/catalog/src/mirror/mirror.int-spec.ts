import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Caller, type CatalogUnderTest, startCatalog } from '../testing/catalog-under-test.js';
import { hasPostgres, startPostgres, type TestPostgres } from '../testing/postgres.js';
import { lineTo, type TestUpstream } from '../testing/upstream.js';

const within = { timeout: 15_000, interval: 50 };
const engine = { runtimes: [{ type: 'isolate', version: '1.0.0' }] };

function mirrorSuite(kind: string, environment: () => Readonly<Record<string, string>>): void {
  describe(`a mirror on ${kind}`, () => {
    let upstream: CatalogUnderTest;
    let line: TestUpstream;
    let mirror: CatalogUnderTest;
    let paula: Caller;
    let reader: Caller;
    beforeAll(async () => {
      upstream = await startCatalog();
      line = await lineTo(upstream);
      mirror = await startCatalog({ ...environment(), ...line.settings });
      paula = await upstream.as('paula');
      reader = await mirror.as({ subject: 'rea', scope: 'catalog:read' });
      await paula.put('/v1/namespaces/acme');
      await paula.publish({ name: 'acme/exif', readme: '# Exif' });
      await paula.publish({ name: 'acme/exif', version: '1.1.0' });
      await paula.publish({ name: 'acme/thumb', manifest: { dependencies: { 'acme/exif': '^1' } } });
      await paula.put('/v1/proxylets/acme/exif/channels/next', { version: '1.0.0' });
      await paula.put('/v1/services/acme/shop', { version: '1.0.0', proxylets: { 'acme/thumb': '^1' } });
      await paula.publish({ name: 'acme/secret' });
      await paula.patch('/v1/proxylets/acme/secret', { visibility: 'private', reason: 'ours' });
    });
    afterAll(async () => {
      await mirror[Symbol.asyncDispose]();
      await line[Symbol.asyncDispose]();
      await upstream[Symbol.asyncDispose]();
    });

    it('fetches what is asked for, all of it as upstream has it, and keeps it', async () => {
      const first = await reader.get('/v1/proxylets/acme/exif');
      expect(first.headers['cache-status']).toBe('proxylet-mirror; fwd=miss; stored');
      for (const path of [
        '/v1/proxylets/acme/exif',
        '/v1/proxylets/acme/exif/versions',
        '/v1/proxylets/acme/exif/versions/1.0.0',
        '/v1/proxylets/acme/exif/versions/1.0.0/readme',
        '/v1/services/acme/shop',
      ]) {
        const [there, here] = [await paula.get(path), await reader.get(path)];
        expect(here.status).toBe(200);
        const { createdAt: _there, ...expected } = there.body;
        const { createdAt: _here, channels, ...got } = here.body;
        expect({ ...got, ...(channels === undefined ? {} : { channels }) }).toEqual(expected);
        expect(here.text).toBe(path.endsWith('readme') ? there.text : here.text);
      }
      await vi.waitFor(async () => {
        const again = await reader.get('/v1/proxylets/acme/exif');
        expect(again.headers['cache-status']).toBe('proxylet-mirror; hit');
      }, within);
    });

    it('resolves a service it has not seen, and gives the bytes, checked and kept', async () => {
      const lock = await reader.post('/v1/resolve', { engine, wants: [{ service: 'acme/shop' }] });
      expect(lock.body.proxylets).toMatchObject([
        { name: 'acme/exif', version: '1.1.0' },
        { name: 'acme/thumb' },
      ]);
      const { digest } = lock.body.proxylets[0];
      const [there, here] = [
        await paula.download(`/v1/blobs/${digest}`),
        await reader.download(`/v1/blobs/${digest}`),
      ];
      expect(here.headers['cache-status']).toBe('proxylet-mirror; fwd=miss; stored');
      expect(Buffer.compare(here.body, there.body)).toBe(0);
      expect((await reader.head(`/v1/blobs/${digest}`)).headers['cache-status']).toBeUndefined();
    });

    it('finds what it keeps, and says that there may be more', async () => {
      const found = (await reader.get('/v1/proxylets?q=exif')).body;
      expect(found).toMatchObject({ items: [{ name: 'acme/exif' }], partial: true });
      expect((await paula.get('/v1/proxylets?q=exif')).body.partial).toBeUndefined();
    });

    it('shows nobody what is not public upstream', async () => {
      for (const caller of [reader, await mirror.as('paula')]) {
        expect((await caller.get('/v1/proxylets/acme/secret')).body.code).toBe('not-found');
        expect((await caller.get('/v1/proxylets/acme/nothing')).body.code).toBe('not-found');
      }
    });

    it('takes nothing into namespaces that are upstream’s, and lets nobody make one of that name', async () => {
      const local = await mirror.as('paula');
      expect((await local.put('/v1/namespaces/acme')).status).toBe(409);
      await paula.put('/v1/namespaces/elsewhere');
      expect((await local.put('/v1/namespaces/elsewhere')).body.code).toBe('namespace-mirrored');
      const admin = await mirror.as({
        subject: 'adam',
        roles: ['platform-admin'],
        scope: 'catalog:read catalog:publish catalog:manage catalog:admin',
      });
      expect((await admin.publish({ name: 'acme/exif', version: '9.0.0' })).body.code).toBe(
        'namespace-mirrored',
      );
      const moved = await admin.put('/v1/proxylets/acme/exif/channels/next', { version: '1.1.0' });
      expect(moved.body.code).toBe('namespace-mirrored');
      expect((await local.put('/v1/namespaces/site')).status).toBe(201);
      const own = await local.publish({
        name: 'site/own',
        manifest: { dependencies: { 'acme/exif': '^1' } },
      });
      expect(own.status).toBe(201);
      await paula.put('/v1/namespaces/site');
      await paula.publish({ name: 'site/own', version: '9.0.0' });
      const lock = await reader.post('/v1/resolve', { engine, wants: [{ proxylet: 'site/own' }] });
      expect(lock.body.proxylets).toMatchObject([
        { name: 'acme/exif' },
        { name: 'site/own', version: '1.0.0' },
      ]);
    });

    it('keeps a hold of its own until it is released here', async () => {
      const admin = await mirror.as({
        subject: 'adam',
        roles: ['platform-admin'],
        scope: 'catalog:read catalog:publish catalog:manage catalog:admin',
      });
      const version = '/v1/proxylets/acme/exif/versions/1.0.0';
      const held = await admin.patch(version, { state: 'quarantined', reason: 'looked at' });
      expect(held.status).toBe(200);
      await paula.patch(version, { state: 'deprecated', reason: 'old' });
      await paula.publish({ name: 'acme/exif', version: '1.1.1' });
      await vi.waitFor(async () => {
        expect((await reader.get('/v1/proxylets/acme/exif')).body.latest).toBe('1.1.1');
      }, within);
      expect((await reader.get(version)).body.state).toBe('quarantined');
    });

    it('hears of versions, yanks and channels within seconds, also over a line that was cut', async () => {
      await paula.patch('/v1/proxylets/acme/exif/versions/1.1.0', {
        state: 'yanked',
        reason: 'leaks',
        severity: 'security',
      });
      await paula.publish({ name: 'acme/exif', version: '1.2.0' });
      await paula.put('/v1/proxylets/acme/exif/channels/next', { version: '1.2.0' });
      await vi.waitFor(async () => {
        const { body } = await reader.get('/v1/proxylets/acme/exif');
        expect(body).toMatchObject({ latest: '1.2.0', channels: { next: '1.2.0' } });
        const yanked = await reader.get('/v1/proxylets/acme/exif/versions/1.1.0');
        expect(yanked.body).toMatchObject({ state: 'yanked', stateReason: 'leaks', severity: 'security' });
      }, within);

      line.cut();
      await vi.waitFor(async () => {
        const stale = await reader.get('/v1/proxylets/acme/exif');
        expect(stale.status).toBe(200);
        expect(stale.headers['cache-status']).toMatch(/ttl=-1/);
      }, within);
      const lock = await reader.post('/v1/resolve', { engine, wants: [{ service: 'acme/shop' }] });
      expect(lock.status).toBe(200);
      expect(lock.headers['cache-status']).toMatch(/ttl=-1/);
      const missing = await reader.get('/v1/proxylets/other/unknown');
      expect([missing.status, missing.body.code]).toEqual([503, 'upstream-unavailable']);
      expect((await (await mirror.as('paula')).put('/v1/namespaces/fresh')).body.code).toBe(
        'upstream-unavailable',
      );
      const thumb = (await reader.get('/v1/proxylets/acme/thumb/versions/1.0.0')).body.digest;
      expect((await reader.get(`/v1/blobs/${thumb}`)).body.code).toBe('upstream-unavailable');

      await paula.patch('/v1/proxylets/acme/thumb', { visibility: 'private', reason: 'ours' });
      await paula.publish({ name: 'acme/exif', version: '1.3.0' });
      line.mend();
      await vi.waitFor(
        async () => {
          expect((await reader.get('/v1/proxylets/acme/exif')).body.latest).toBe('1.3.0');
          expect((await reader.get('/v1/proxylets/acme/thumb')).status).toBe(404);
        },
        { ...within, timeout: 30_000 },
      );
      expect(await readdir(join(mirror.folder, 'staging'))).toEqual([]);
    });
  });
}

mirrorSuite('SQLite', () => ({}));

if (hasPostgres) {
  let postgres: TestPostgres;
  beforeAll(async () => {
    postgres = await startPostgres();
  });
  afterAll(() => postgres[Symbol.asyncDispose]());
  mirrorSuite('PostgreSQL', () => ({ PROXYLET_CATALOG_DATABASE_URL: postgres.url }));
}
