import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
// The built catalog: what is tested is what ships.
import { Cleaner } from '../../dist/cleanup/cleaner.js';
import { Clock } from '../../dist/clock.js';
import { Database } from '../../dist/index.js';
import { KeysUnderWay } from '../../dist/publish/keys-under-way.js';
import { UploadService } from '../../dist/upload/upload.service.js';
import type { BlobKey } from '../blob/blob-store.js';
import { archiveOf } from '../testing/archives.js';
import { type Caller, type CatalogUnderTest, startCatalog } from '../testing/catalog-under-test.js';
import { everyScope } from '../testing/issuer.js';
import { keysIn, storeOf } from '../testing/store.js';

let catalog: CatalogUnderTest;
let paula: Caller;
let admin: Caller;
beforeAll(async () => {
  catalog = await startCatalog({ PROXYLET_CATALOG_CLEANUP_GRACE_MINUTES: '0' });
  paula = await catalog.as('paula');
  const roles = ['platform-admin'];
  admin = await catalog.as({ subject: 'adam', roles, scope: `${everyScope} catalog:admin` });
  await paula.put('/v1/namespaces/acme');
});
afterAll(() => catalog[Symbol.asyncDispose]());

const database = () => catalog.app.nest.get(Database);
const digest = () => randomBytes(32).toString('hex');
const run = async (query = '') => (await admin.post(`/v1/admin/gc${query}`)).body;
/** As the clean-up of another catalog on the same database: it knows nothing of what is under way here. */
const runElsewhere = async () => {
  const { nest } = catalog.app;
  const parts = [nest.get(Database), storeOf(catalog), nest.get(UploadService), nest.get(Clock)] as const;
  return await new Cleaner(...parts, new KeysUnderWay()).run({ dryRun: false, graceMs: 0 });
};
const orphan = (): BlobKey => {
  const hex = digest();
  return `sha256/${hex.slice(0, 2)}/${hex}.${randomBytes(8).toString('hex')}`;
};

describe('the clean-up', () => {
  it('deletes what no row refers to and keeps what is published', async () => {
    const kept = archiveOf({ name: 'acme/kept' });
    const { body } = await paula.send('/v1/proxylets/acme/kept/versions/1.0.0', kept);
    const before = await keysIn(catalog, 'sha256/');
    for (const key of [orphan(), orphan()]) await storeOf(catalog).put(key, Buffer.from('orphan'));
    expect(await run('?dry-run=true')).toMatchObject({ dryRun: true, orphans: 2, orphanBytes: 12 });
    expect(await keysIn(catalog, 'sha256/')).toHaveLength(before.length + 2);
    expect(await run('?grace-minutes=1')).toMatchObject({ orphans: 0 });
    expect(await run()).toMatchObject({ dryRun: false, orphans: 2, orphanBytes: 12 });
    expect(await keysIn(catalog, 'sha256/')).toEqual(before);
    expect((await paula.download(`/v1/blobs/${body.digest}`)).body.equals(kept)).toBe(true);
    expect(await run()).toMatchObject({ orphans: 0, unneeded: 0 });
  });

  it('makes a publish whose bytes it took put them again', async () => {
    const store = storeOf(catalog);
    const put = store.put.bind(store);
    const taken: BlobKey[] = [];
    store.put = async (key, source) => {
      await put(key, source);
      if (taken.push(key) === 1) expect(await runElsewhere()).toMatchObject({ orphans: 1 });
    };
    try {
      const bytes = archiveOf({ name: 'acme/raced' });
      const answer = await paula.send('/v1/proxylets/acme/raced/versions/1.0.0', bytes);
      expect(answer.status).toBe(201);
      expect(taken).toHaveLength(2);
      expect((await paula.download(`/v1/blobs/${answer.body.digest}`)).body.equals(bytes)).toBe(true);
    } finally {
      store.put = put;
    }
  });

  it('takes away an archive no version needs, and a publish that meets it being deleted has bytes of its own', async () => {
    const bytes = archiveOf({ name: 'acme/again' });
    const { body } = await paula.send('/v1/proxylets/acme/again/versions/1.0.0?dry-run=true', bytes);
    const key = orphan();
    await storeOf(catalog).put(key, bytes);
    const at = new Date(Date.now() - 1000).toISOString();
    await database().write('test', async (manager) => {
      const values = [body.digest, bytes.length, at, key, at].map((value) => `'${value}'`).join(', ');
      await manager.query(
        `INSERT INTO blob (digest, size_bytes, stored_at, storage_key, last_ref_at) VALUES (${values})`,
      );
    });
    expect(await run()).toMatchObject({ unneeded: 1, unneededBytes: bytes.length, orphans: 0 });
    expect(await keysIn(catalog, 'sha256/')).not.toContain(key);
    expect((await paula.send('/v1/proxylets/acme/again/versions/1.0.0', bytes)).status).toBe(201);
    expect((await paula.download(`/v1/blobs/${body.digest}`)).body.equals(bytes)).toBe(true);
    expect(await run()).toMatchObject({ unneeded: 0, orphans: 0 });
  });

  it('never fails a publish that goes on meanwhile', async () => {
    const publishing = new AbortController();
    const cleaning = (async () => {
      while (!publishing.signal.aborted) await run();
    })();
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, index) => paula.publish({ name: 'acme/busy', version: `1.${index}.0` })),
    );
    publishing.abort();
    await cleaning;
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 201));
    for (const { body } of answers)
      expect((await paula.download(`/v1/blobs/${body.digest}`)).status).toBe(200);
  });

  it('forgets uploads that expired, and keys of a day ago', async () => {
    const bytes = archiveOf({ name: 'acme/late' });
    const wish = { name: 'acme/late', digest: `sha256:${digest()}`, size: bytes.length };
    const { body } = await paula.post('/v1/uploads', wish);
    await database().write('test', async (manager) => {
      await manager.query(
        `UPDATE upload SET expires_at = '2020-01-01T00:00:00.000Z' WHERE id = '${body.id}'`,
      );
      await manager.query(
        `INSERT INTO idempotency (principal, key, fingerprint, created_at) VALUES ('p', 'k', 'f', '2020-01-01T00:00:00.000Z')`,
      );
    });
    expect(await run()).toMatchObject({ uploads: 1, answers: 1 });
    expect((await paula.get(`/v1/uploads/${body.id}`)).status).toBe(404);
  });

  it('is for platform admins, and counted', async () => {
    expect((await paula.post('/v1/admin/gc')).status).toBe(403);
    const metrics = await admin.get('/metrics');
    expect(metrics.text).toMatch(/proxylet_catalog_cleanup_deleted_total\{[^}]*what="orphans"[^}]*\} [1-9]/);
  });
});
