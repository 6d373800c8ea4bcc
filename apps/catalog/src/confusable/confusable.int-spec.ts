import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { archiveOf } from '../testing/archives.js';
import { testBackend } from '../testing/backend.config.js';
import { type Caller, type CatalogUnderTest, startCatalog } from '../testing/catalog-under-test.js';
import { hasPostgres, startMigrated, type TestPostgres } from '../testing/postgres.js';

const databases =
  testBackend() === 'embedded' && hasPostgres ? ['SQLite', 'PostgreSQL'] : ['the one of this run'];

describe.each(databases)('confusable names, kept in %s', (kind) => {
  let postgres: TestPostgres | undefined;
  let catalog: CatalogUnderTest;
  let acme: Caller;
  let rival: Caller;
  let admin: Caller;
  beforeAll(async () => {
    if (kind === 'PostgreSQL') postgres = await startMigrated();
    catalog = await startCatalog(
      postgres === undefined ? {} : { PROXYLET_CATALOG_DATABASE_URL: postgres.url },
    );
    acme = await catalog.as('anna');
    rival = await catalog.as('rudi');
    admin = await catalog.as({
      subject: 'root',
      roles: ['platform-admin'],
      scope: 'catalog:read catalog:publish catalog:admin audit:read',
    });
    for (const namespace of ['acme', 'acme-labs']) await acme.put(`/v1/namespaces/${namespace}`);
    await rival.put('/v1/namespaces/rival');
    for (const name of ['acme/log-view', 'acme/charm', 'acme/thermostat', 'acme/map'])
      expect((await acme.publish({ name })).status).toBe(201);
  });
  afterAll(async () => {
    await catalog[Symbol.asyncDispose]();
    await postgres?.[Symbol.asyncDispose]();
  });

  it.each([
    ['without its hyphen', 'logview', 'acme/log-view'],
    ['with a digit that looks like a letter', 'l0g-view', 'acme/log-view'],
    ['with 1 for l', '1og-view', 'acme/log-view'],
    ['with i for l', 'iog-view', 'acme/log-view'],
    ['with rn for m', 'charrn', 'acme/charm'],
    ['with vv for w', 'log-vievv', 'acme/log-view'],
  ])('refuses another owner a name %s', async (_what, name, like) => {
    const answer = await rival.publish({ name: `rival/${name}` });
    expect(answer.body).toMatchObject({ status: 409, code: 'name-confusable', like });
    expect(answer.body.detail).toContain(like);
    expect((await rival.get(`/v1/proxylets/rival/${name}`)).status).toBe(404);
  });

  it('lets everybody have the very same name, and owners what they like beside their own', async () => {
    expect((await rival.publish({ name: 'rival/charm' })).status).toBe(201);
    for (const name of ['acme/logview', 'acme-labs/l0g-view'])
      expect((await acme.publish({ name })).status).toBe(201);
  });

  it('refuses one typo away from a popular name, and not from others', async () => {
    expect((await rival.publish({ name: 'rival/thermostats' })).status).toBe(201);
    const { digest } = (await rival.get('/v1/proxylets/acme/thermostat/versions/1.0.0')).body;
    const loads = Array.from({ length: 120 }, async (_none, index) =>
      (await catalog.as(`reader-${index}`)).download(`/v1/blobs/${digest}`),
    );
    await Promise.all(loads);
    const downloads = async () => (await rival.get('/v1/proxylets/acme/thermostat')).body.downloads;
    await expect.poll(downloads, { timeout: 15_000 }).toBe(120);
    const refused = async () => (await rival.publish({ name: 'rival/termostat' })).status;
    await expect.poll(refused, { timeout: 5000 }).toBe(409);
    expect((await rival.publish({ name: 'rival/thermstad' })).status).toBe(201);
    expect((await rival.publish({ name: 'rival/thermostats', version: '1.1.0' })).status).toBe(201);
  });

  it('tells nobody of private proxylets', async () => {
    await acme.put('/v1/namespaces/vault');
    await acme.patch('/v1/namespaces/vault', { defaultVisibility: 'private', reason: 'ours' });
    await acme.publish({ name: 'vault/quartz' });
    expect((await rival.publish({ name: 'rival/quar-tz' })).status).toBe(201);
  });

  it('lets a platform admin, and nobody else, let one pass, and audits that', async () => {
    const path = '/v1/proxylets/rival/l-og-view/versions/1.0.0?allow-confusable=true';
    const bytes = archiveOf({ name: 'rival/l-og-view' });
    expect((await rival.send(path, bytes)).body).toMatchObject({ code: 'forbidden' });
    expect((await admin.send(path, bytes)).status).toBe(201);
    expect((await admin.get('/v1/audit?limit=100')).text).toContain('proxylet.allow-confusable');
  });

  it.each([
    ['acrne', 'acme'],
    ['r1val', 'rival'],
    ['pr0xylet', 'proxylet'],
    ['ac-me', 'acme'],
  ])('refuses the namespace %s for %s', async (namespace, like) => {
    const answer = await (await catalog.as('mallory')).put(`/v1/namespaces/${namespace}`);
    expect(answer.body).toMatchObject({ status: 409, code: 'name-confusable' });
    expect(answer.body.detail).toContain(like);
  });

  it('lets a platform admin make such a namespace', async () => {
    expect((await rival.put('/v1/namespaces/acrne?allow-confusable=true')).status).toBe(403);
    expect((await admin.put('/v1/namespaces/acrne?allow-confusable=true')).status).toBe(201);
  });

  it('gives one of two confusable names that are wanted at once', async () => {
    const [one, two] = [await catalog.as('one'), await catalog.as('two')];
    await Promise.all([one.put('/v1/namespaces/team-a'), two.put('/v1/namespaces/team-b')]);
    const answers = await Promise.all([
      one.publish({ name: 'team-a/sky-light' }),
      two.publish({ name: 'team-b/skylight' }),
    ]);
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([201, 409]);
  });
});
