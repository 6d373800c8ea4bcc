import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Caller, type CatalogUnderTest, startCatalog } from '../testing/catalog-under-test.js';
import { everyScope } from '../testing/issuer.js';

let catalog: CatalogUnderTest;
let olga: Caller;
let admin: Caller;
let scanner: Caller;
const adminScope = `${everyScope} catalog:admin audit:read`;
beforeAll(async () => {
  catalog = await startCatalog();
  olga = await catalog.as('olga');
  admin = await catalog.as({ subject: 'adam', roles: ['platform-admin'], scope: adminScope });
  scanner = await catalog.as({ subject: 'scan', roles: ['scanner'], scope: 'catalog:read catalog:admin' });
  await olga.put('/v1/namespaces/acme');
});
afterAll(() => catalog[Symbol.asyncDispose]());

const engine = { runtimes: [{ type: 'isolate', version: '1.3.0' }] };
const resolve = (proxylet: string, range = '*') =>
  olga.post('/v1/resolve', { engine, wants: [{ proxylet, range }] });

/** Publishes two versions; answers the digest of the higher. */
async function twoVersions(name: string): Promise<string> {
  await olga.publish({ name, version: '1.0.0', readme: 'one' });
  return String((await olga.publish({ name, version: '1.1.0', readme: 'two' })).body.digest);
}

describe('a held version', () => {
  it('gives its bytes to nobody, is not resolved and is not the latest', async () => {
    const digest = await twoVersions('acme/held');
    const path = '/v1/proxylets/acme/held/versions/1.1.0';
    const held = { state: 'quarantined', reason: 'steals tokens', severity: 'security' };
    expect((await scanner.patch(path, held)).body).toMatchObject({
      state: 'quarantined',
      stateReason: 'steals tokens',
      severity: 'security',
    });
    for (const caller of [olga, admin, scanner]) {
      for (const address of [`/v1/blobs/${digest}`, `${path}/readme`]) {
        const refused = await caller.get(address);
        expect([refused.status, refused.body.code]).toEqual([403, 'quarantined']);
      }
    }
    expect((await olga.head(`/v1/blobs/${digest}`)).status).toBe(403);
    const ranged = await olga.get(`/v1/blobs/${digest}`, { 'if-none-match': `"${digest}"` });
    expect(ranged.status).toBe(403);
    expect((await olga.get('/v1/proxylets/acme/held')).body).toMatchObject({ latest: '1.0.0' });
    expect((await resolve('acme/held')).body.proxylets[0]).toMatchObject({ version: '1.0.0' });
    for (const range of ['1.1.0', '^1.1']) {
      const refused = await resolve('acme/held', range);
      expect([refused.status, refused.body.code]).toEqual([422, 'unresolvable']);
    }
    const toHeld = await olga.put('/v1/proxylets/acme/held/channels/next', { version: '1.1.0' });
    expect(toHeld.body).toMatchObject({ code: 'invalid-request' });
  });

  it('is let go by a platform admin alone', async () => {
    const digest = await twoVersions('acme/released');
    const path = '/v1/proxylets/acme/released/versions/1.1.0';
    await scanner.patch(path, { state: 'quarantined', reason: 'looks odd' });
    const release = { state: 'published', reason: 'examined: harmless' };
    expect((await olga.patch(path, release)).body).toMatchObject({ status: 403, code: 'quarantined' });
    expect((await olga.patch(path, { state: 'yanked', reason: 'mine' })).status).toBe(403);
    expect((await scanner.patch(path, release)).status).toBe(403);
    expect((await admin.patch(path, release)).status).toBe(200);
    expect((await olga.get(`/v1/blobs/${digest}`)).status).toBe(200);
    expect((await olga.get('/v1/proxylets/acme/released')).body).toMatchObject({ latest: '1.1.0' });
  });

  it('of somebody’s private proxylet can be examined and held by a scanner', async () => {
    const digest = await twoVersions('acme/private');
    await olga.patch('/v1/proxylets/acme/private', { visibility: 'private', reason: 'secret' });
    expect((await scanner.get(`/v1/blobs/${digest}`)).status).toBe(200);
    const held = { state: 'quarantined', reason: 'bad' };
    expect((await scanner.patch('/v1/proxylets/acme/private/versions/1.1.0', held)).status).toBe(200);
    const fred = await catalog.as('fred');
    // To a stranger it stays what it was: not there.
    expect((await fred.get(`/v1/blobs/${digest}`)).status).toBe(404);
  });

  it('still keeps its number', async () => {
    await twoVersions('acme/numbered');
    const path = '/v1/proxylets/acme/numbered/versions/1.1.0';
    await admin.patch(path, { state: 'quarantined', reason: 'bad' });
    expect((await olga.publish({ name: 'acme/numbered', version: '1.1.0', readme: 'two' })).status).toBe(200);
    expect((await olga.publish({ name: 'acme/numbered', version: '1.1.0', readme: 'other' })).status).toBe(
      409,
    );
    expect((await olga.get(path)).body.state).toBe('quarantined');
  });
});

describe('the history of a version', () => {
  it('tells every state with reason, who and when, newest first, in pages', async () => {
    await olga.publish({ name: 'acme/story' });
    const path = '/v1/proxylets/acme/story/versions/1.0.0';
    await olga.patch(path, { state: 'deprecated', reason: 'use 2', severity: 'info' });
    await olga.patch(path, { state: 'yanked', reason: 'broken', severity: 'broken' });
    await olga.patch(path, { state: 'yanked', reason: 'broken', severity: 'broken' });
    const first = await olga.get(`${path}/history?limit=2`);
    expect(first.body.items).toMatchObject([
      { state: 'yanked', reason: 'broken', severity: 'broken' },
      { state: 'deprecated', reason: 'use 2', severity: 'info' },
    ]);
    const second = await olga.get(`${path}/history?limit=2&cursor=${String(first.body.nextCursor)}`);
    expect(second.body.items).toHaveLength(1);
    expect(second.body.items[0]).toMatchObject({ state: 'published', reason: '' });
    expect(second.body.items[0]).toHaveProperty('actor', `user|${catalog.issuer.url}|olga`);
    expect(second.body).not.toHaveProperty('nextCursor');
  });

  it.each([
    ['no reason', { state: 'yanked' }, '/body/reason'],
    ['a blank reason', { state: 'yanked', reason: '  ' }, '/body/reason'],
    ['an endless reason', { state: 'yanked', reason: 'x'.repeat(1001) }, '/body/reason'],
    ['another severity', { state: 'yanked', reason: 'x', severity: 'bad' }, '/body/severity'],
    ['another state', { state: 'deleted', reason: 'x' }, '/body/state'],
  ])('takes no change with %s', async (_name, change, pointer) => {
    const answer = await olga.patch('/v1/proxylets/acme/story/versions/1.0.0', change);
    expect(answer.body).toMatchObject({ code: 'invalid-request', errors: [{ pointer }] });
  });
});

describe('visibility', () => {
  it('of new proxylets is what the namespace says, and of those there stays', async () => {
    await olga.put('/v1/namespaces/closed');
    await olga.publish({ name: 'closed/before' });
    const change = { defaultVisibility: 'private', reason: 'our own' };
    expect((await olga.patch('/v1/namespaces/closed', change)).body).toMatchObject({
      defaultVisibility: 'private',
    });
    await olga.publish({ name: 'closed/after' });
    expect((await olga.get('/v1/proxylets/closed/before')).body.visibility).toBe('public');
    expect((await olga.get('/v1/proxylets/closed/after')).body.visibility).toBe('private');
    const fred = await catalog.as('fred');
    expect((await fred.get('/v1/proxylets/closed/before')).status).toBe(200);
    expect((await fred.get('/v1/proxylets/closed/after')).status).toBe(404);
  });

  it('changes with a reason, against its tag, and is audited', async () => {
    await olga.publish({ name: 'acme/shown' });
    const path = '/v1/proxylets/acme/shown';
    expect((await olga.patch(path, { visibility: 'private' })).status).toBe(400);
    const before = String((await olga.get(path)).headers['etag']);
    const change = { visibility: 'private', reason: 'too early' };
    expect((await olga.patch(path, change, { 'if-match': '"x"' })).status).toBe(412);
    const changed = await olga.patch(path, change, { 'if-match': before });
    expect(changed.body).toMatchObject({ visibility: 'private' });
    expect(changed.headers['etag']).not.toBe(before);
    const audit = (await admin.get('/v1/audit?limit=100')).text;
    expect(audit).toContain('proxylet.visibility');
    expect(audit).toContain('too early');
  });
});

describe('a namespace', () => {
  it('is handed over in one step', async () => {
    await olga.put('/v1/namespaces/handed');
    const nils = await catalog.as('nils');
    const given = await olga.post('/v1/namespaces/handed/transfer', {
      to: 'nils',
      keep: 'reader',
      reason: 'leaving',
    });
    expect(given.body).toMatchObject({ role: 'reader' });
    expect((await nils.get('/v1/namespaces/handed')).body.members).toEqual([
      { principal: `user|${catalog.issuer.url}|nils`, role: 'owner' },
      { principal: `user|${catalog.issuer.url}|olga`, role: 'reader' },
    ]);
    expect((await olga.post('/v1/namespaces/handed/transfer', { to: 'olga', reason: 'back' })).status).toBe(
      403,
    );
    expect((await nils.post('/v1/namespaces/handed/transfer', { to: 'olga', reason: 'back' })).status).toBe(
      200,
    );
    expect((await olga.get('/v1/namespaces/handed')).body.members).toHaveLength(1);
    const nonsense = await olga.post('/v1/namespaces/handed/transfer', { to: 'a|b', reason: 'x' });
    expect(nonsense.body).toMatchObject({ code: 'invalid-request', errors: [{ pointer: '/body/to' }] });
  });

  it('has users, services and roles of the IdM as members', async () => {
    await olga.put('/v1/namespaces/mixed');
    const { url } = catalog.issuer;
    for (const key of [`user|${url}|auth0|123`, `service|${url}|robot`, `role:${url}|dev team`]) {
      const set = await olga.put(`/v1/namespaces/mixed/members/${encodeURIComponent(key)}`, {
        role: 'publisher',
      });
      expect(set.status).toBe(200);
    }
    const dev = await catalog.as({ subject: 'dora', roles: ['dev team', 'other'] });
    expect((await dev.publish({ name: 'mixed/a' })).status).toBe(201);
    expect((await dev.get('/v1/namespaces/mixed')).body.role).toBe('publisher');
    expect((await (await catalog.as('dora')).publish({ name: 'mixed/b' })).status).toBe(403);
    // A user whose name is that of a role is somebody else.
    expect((await (await catalog.as('dev team')).publish({ name: 'mixed/b' })).status).toBe(403);
  });

  it('takes the highest of the roles a caller has', async () => {
    await olga.put('/v1/namespaces/several');
    const group = `role:${catalog.issuer.url}|crew`;
    await olga.put(`/v1/namespaces/several/members/${encodeURIComponent(group)}`, { role: 'maintainer' });
    await olga.put('/v1/namespaces/several/members/rita', { role: 'reader' });
    const rita = await catalog.as({ subject: 'rita', roles: ['crew'] });
    expect((await rita.get('/v1/namespaces/several')).body.role).toBe('maintainer');
  });
});
