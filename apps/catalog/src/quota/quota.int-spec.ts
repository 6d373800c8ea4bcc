import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { archiveOf } from '../testing/archives.js';
import { type Caller, type CatalogUnderTest, startCatalog } from '../testing/catalog-under-test.js';
import { keysIn } from '../testing/store.js';
import { everyScope } from '../testing/issuer.js';
import { hasPostgres, startMigrated } from '../testing/postgres.js';

let catalog: CatalogUnderTest;
let paula: Caller;
let admin: Caller;
beforeAll(async () => {
  catalog = await startCatalog({ PROXYLET_CATALOG_QUOTA_UPLOADS: '3' });
  paula = await catalog.as('paula');
  const roles = ['platform-admin'];
  admin = await catalog.as({ subject: 'adam', roles, scope: `${everyScope} catalog:admin` });
});
afterAll(() => catalog[Symbol.asyncDispose]());

async function namespace(name: string, quota: object): Promise<void> {
  await paula.put(`/v1/namespaces/${name}`);
  expect((await admin.put(`/v1/namespaces/${name}/quota`, quota)).status).toBe(200);
}

const statuses = (answers: readonly { status: number }[]) =>
  answers.map(({ status }) => status).toSorted((a, b) => a - b);

const wish = (size: number) => ({ name: 'ups/a', digest: `sha256:${'0'.repeat(64)}`, size });

describe('a quota', () => {
  it('is shown with what is used, to publishers; only an admin sets it', async () => {
    await namespace('shown', { versions: 7, bytes: null });
    const { body } = await paula.publish({ name: 'shown/a' });
    const shown = await paula.get('/v1/namespaces/shown/quota');
    expect(shown.body).toMatchObject({
      limit: { versions: 7, uploads: 3 },
      used: { bytes: body.sizeBytes, proxylets: 1, versions: 1, publishesPerHour: 1, uploads: 0 },
    });
    expect((await paula.put('/v1/namespaces/shown/quota', { versions: 1 })).status).toBe(403);
    expect((await (await catalog.as('bob')).get('/v1/namespaces/shown/quota')).status).toBe(403);
    expect((await admin.put('/v1/namespaces/nowhere/quota', {})).status).toBe(404);
    expect((await admin.put('/v1/namespaces/shown/quota', { versions: -1 })).status).toBe(400);
  });

  it.each([
    ['versions', { versions: 3 }],
    ['publishesPerHour', { publishesPerHour: 3 }],
    ['bytes', { bytes: 3 * archiveOf({ name: 'par-bytes/a', version: '1.0.0' }).length + 20 }],
  ] as const)('of %s is not overshot by twelve publishes at once', async (kind, quota) => {
    const ns = `par-${kind.toLowerCase()}`;
    await namespace(ns, quota);
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, index) => paula.publish({ name: `${ns}/a`, version: `1.${index}.0` })),
    );
    expect(statuses(answers)).toEqual([201, 201, 201, ...Array.from({ length: 9 }, () => 429)]);
    const refused = answers.find(({ status }) => status === 429);
    expect(refused?.body).toMatchObject({ code: 'quota-exceeded', quota: kind });
    expect(refused?.body.wanted).toBeGreaterThan(refused?.body.limit);
    expect((await paula.get(`/v1/namespaces/${ns}/quota`)).body.used.versions).toBe(3);
    expect((await keysIn(catalog, 'sha256/')).filter((key) => key.includes('par'))).toEqual([]);
  });

  it('of proxylets counts names, not versions', async () => {
    await namespace('names', { proxylets: 1 });
    expect((await paula.publish({ name: 'names/a' })).status).toBe(201);
    expect((await paula.publish({ name: 'names/a', version: '1.1.0' })).status).toBe(201);
    expect((await paula.publish({ name: 'names/b' })).body).toMatchObject({
      quota: 'proxylets',
      limit: 1,
      wanted: 2,
    });
  });

  it('counts uploads when they are opened, at once too, and gives back what is cancelled', async () => {
    await namespace('ups', { bytes: 1000 });
    const opened = await Promise.all(
      [400, 400, 400, 400].map((size) => paula.post('/v1/uploads', wish(size))),
    );
    expect(statuses(opened)).toEqual([201, 201, 429, 429]);
    expect((await paula.get('/v1/namespaces/ups/quota')).body.used).toMatchObject({ bytes: 800, uploads: 2 });
    expect((await paula.publish({ name: 'ups/a' })).body).toMatchObject({
      code: 'quota-exceeded',
      quota: 'bytes',
    });
    const first = opened.find(({ status }) => status === 201);
    await paula.delete(`/v1/uploads/${first?.body.id}`);
    expect((await paula.publish({ name: 'ups/a' })).status).toBe(201);
    await admin.put('/v1/namespaces/ups/quota', {});
    await paula.post('/v1/uploads', wish(1));
    await paula.post('/v1/uploads', wish(1));
    expect((await paula.post('/v1/uploads', wish(1))).body).toMatchObject({
      quota: 'uploads',
      limit: 3,
      wanted: 4,
    });
  });
});

describe.runIf(hasPostgres)('two catalogs on one PostgreSQL', () => {
  it('give a namespace no more than its quota, through both at once', async () => {
    await using postgres = await startMigrated();
    const settings = { PROXYLET_CATALOG_DATABASE_URL: postgres.url };
    await using first = await startCatalog(settings);
    await using second = await startCatalog(settings);
    const wishes = { subject: 'adam', roles: ['platform-admin'], scope: `${everyScope} catalog:admin` };
    const callers = await Promise.all([first, second].map((each) => each.as(wishes)));
    await callers[0]?.put('/v1/namespaces/both');
    await callers[0]?.put('/v1/namespaces/both/quota', { versions: 5, uploads: 4 });
    const numbers = Array.from({ length: 20 }, (_, index) => index);
    const of = async (work: (caller: Caller, index: number) => Promise<{ status: number }>) =>
      statuses(await Promise.all(numbers.map((index) => work(callers[index % 2] ?? paula, index))));
    const published = await of((caller, index) =>
      caller.publish({ name: `both/p${index % 5}`, version: `1.${index}.0` }),
    );
    expect(published).toEqual(numbers.map((index) => (index < 5 ? 201 : 429)));
    const size = { name: 'both/a', digest: `sha256:${'0'.repeat(64)}`, size: 10 };
    expect(await of((caller) => caller.post('/v1/uploads', size))).toEqual(
      numbers.map((index) => (index < 4 ? 201 : 429)),
    );
  });
});
