import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { OwnServer, until } from '@proxylet/testing';
import { describe, expect, it } from 'vitest';
import { hasS3, makeBucket } from '../testing/bucket.js';
import { type CatalogUnderTest, startCatalog } from '../testing/catalog-under-test.js';
import { hasPostgres } from '../testing/postgres.js';
import { Relay } from '../testing/relay.js';

const readiness = async (catalog: CatalogUnderTest) => {
  const { status, text } = await catalog.anonymous().get('/health/ready');
  const { checks } = JSON.parse(text) as { checks: object };
  return { status, checks };
};

const untilReady = (catalog: CatalogUnderTest) =>
  until(async () => (await readiness(catalog)).status === 200, { what: 'the catalog to be ready again' });

async function withNamespace(catalog: CatalogUnderTest) {
  const paula = await catalog.as('paula');
  expect((await paula.put('/v1/namespaces/acme')).status).toBe(201);
  return paula;
}

describe.runIf(hasPostgres)('a catalog whose PostgreSQL goes away', () => {
  it('says so, refuses to publish with 503, and goes on by itself when it is back', async () => {
    await using postgres = await OwnServer.start('postgres');
    await using catalog = await startCatalog({ PROXYLET_CATALOG_DATABASE_URL: postgres.url });
    const paula = await withNamespace(catalog);
    expect((await paula.publish({ name: 'acme/a' })).status).toBe(201);
    for (const [round, end] of [postgres.stop.bind(postgres), postgres.kill.bind(postgres)].entries()) {
      await end();
      const down = await readiness(catalog);
      expect(down).toMatchObject({
        status: 503,
        checks: {
          database: { ok: false, reason: expect.stringMatching(/^PostgreSQL/) },
          storage: { ok: true },
        },
      });
      expect(JSON.stringify(down)).not.toMatch(/127\.0\.0\.1|postgres:\/\//);
      const refused = await paula.publish({ name: 'acme/a', version: `2.${round}.0` });
      expect([refused.status, JSON.parse(refused.text).code]).toEqual([503, 'storage-unavailable']);
      expect(refused.headers['retry-after']).toBeDefined();
      expect((await catalog.anonymous().get('/health/live')).status).toBe(200);
      expect((await catalog.anonymous().get('/metrics')).status).toBe(200);
      await postgres.restart();
      await untilReady(catalog);
      expect((await paula.publish({ name: 'acme/a', version: `2.${round}.0` })).status).toBe(201);
      expect((await paula.get('/v1/proxylets/acme/a')).body.latest).toBe(`2.${round}.0`);
    }
  });
});

describe.runIf(hasS3)('a catalog whose object store goes away', () => {
  it('says so, keeps reading its database, and goes on by itself when it is back', async () => {
    await using bucket = makeBucket();
    await using relay = await Relay.to(bucket.endpoint);
    await using catalog = await startCatalog({
      ...bucket.settings,
      PROXYLET_CATALOG_S3_ENDPOINT: relay.url,
    });
    const paula = await withNamespace(catalog);
    const { body } = await paula.publish({ name: 'acme/a' });
    await relay.cut();
    expect(await readiness(catalog)).toMatchObject({
      status: 503,
      checks: {
        database: { ok: true },
        storage: { ok: false, reason: 'The object store: nobody listens at its address (ECONNREFUSED)' },
      },
    });
    expect((await paula.publish({ name: 'acme/a', version: '2.0.0' })).status).toBe(503);
    expect((await paula.get(`/v1/blobs/${body.digest}`)).status).toBe(503);
    expect((await paula.get('/v1/proxylets/acme/a')).status).toBe(200);
    await relay.mend();
    await untilReady(catalog);
    expect((await paula.publish({ name: 'acme/a', version: '2.0.0' })).status).toBe(201);
    expect((await paula.get(`/v1/blobs/${body.digest}`)).status).toBe(200);
  });
});

describe('a catalog whose folder of archives goes away', () => {
  it('says so, and goes on by itself when it is back', async () => {
    await using catalog = await startCatalog();
    const blobs = join(catalog.folder, 'blobs');
    await rename(blobs, `${blobs}.away`);
    await writeFile(blobs, 'a file where the disk was');
    expect(await readiness(catalog)).toMatchObject({
      status: 503,
      checks: { storage: { ok: false, reason: 'The folder of archives: its folder is gone (EEXIST)' } },
    });
    await rename(`${blobs}.away`, `${blobs}.back`);
    await rename(blobs, `${blobs}.file`);
    await rename(`${blobs}.back`, blobs);
    expect((await readiness(catalog)).status).toBe(200);
  });
});

describe('the metrics of a catalog', () => {
  it('tell publishes by outcome, bytes sent, what there is and where the feed stands', async () => {
    await using catalog = await startCatalog();
    const paula = await withNamespace(catalog);
    const { body } = await paula.publish({ name: 'acme/a' });
    await paula.publish({ name: 'acme/a' });
    await paula.publish({ name: 'acme/a', readme: 'other bytes' });
    await paula.download(`/v1/blobs/${body.digest}`);
    const { text } = await catalog.anonymous().get('/metrics');
    for (const line of [
      'proxylet_catalog_publish_duration_seconds_count{outcome="published"} 1',
      'proxylet_catalog_publish_duration_seconds_count{outcome="repeated"} 1',
      'proxylet_catalog_publish_duration_seconds_count{outcome="version-exists"} 1',
      `proxylet_catalog_blob_sent_bytes_total ${body.sizeBytes}`,
      'proxylet_catalog_entries{kind="versions"} 1',
      `proxylet_catalog_archive_bytes ${body.sizeBytes}`,
      'proxylet_catalog_feed_seq 2',
    ])
      expect(text).toContain(line);
  });
});
