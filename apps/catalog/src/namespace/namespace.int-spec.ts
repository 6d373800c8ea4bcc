import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Caller, type CatalogUnderTest, startCatalog } from '../testing/catalog-under-test.js';
import { everyScope } from '../testing/issuer.js';

let catalog: CatalogUnderTest;
let paula: Caller;
let bob: Caller;
beforeAll(async () => {
  catalog = await startCatalog();
  paula = await catalog.as('paula');
  bob = await catalog.as('bob');
  await paula.put('/v1/namespaces/weather');
});
afterAll(() => catalog[Symbol.asyncDispose]());

const keyOf = (subject: string) => `user|${catalog.issuer.url}|${subject}`;

const ascending = (a: number, b: number) => a - b;

describe('namespaces', () => {
  it('belong to whoever creates them; a second time changes nothing', async () => {
    const created = await paula.put('/v1/namespaces/own-one');
    expect(created.status).toBe(201);
    expect(created.body).toMatchObject({
      name: 'own-one',
      role: 'owner',
      members: [{ principal: keyOf('paula'), role: 'owner' }],
    });
    expect((await paula.put('/v1/namespaces/own-one')).status).toBe(200);
  });

  it.each([
    ['weather', 'namespace-taken', 409],
    ['wea-ther', 'name-confusable', 409],
    ['admin', 'namespace-reserved', 409],
    ['well-known', 'namespace-reserved', 409],
    ['Weather', 'invalid-name', 400],
    ['a--b', 'invalid-name', 400],
    ['x'.repeat(65), 'invalid-name', 400],
  ])('refuse %s with %s', async (name, code, status) => {
    const answer = await bob.put(`/v1/namespaces/${name}`);
    expect(answer.status).toBe(status);
    expect(answer.body).toMatchObject({ code });
  });

  it('go to one of two who ask at once', async () => {
    const answers = await Promise.all([paula, bob].map((caller) => caller.put('/v1/namespaces/contested')));
    expect(answers.map(({ status }) => status).toSorted(ascending)).toEqual([201, 409]);
  });

  it('show their members to members and admins only', async () => {
    expect((await bob.get('/v1/namespaces/weather')).body).not.toHaveProperty('members');
    const admin = await catalog.as({
      subject: 'adam',
      roles: ['platform-admin'],
      scope: `${everyScope} catalog:admin`,
    });
    expect((await admin.get('/v1/namespaces/weather')).body.members).toHaveLength(1);
    expect((await bob.get('/v1/namespaces/nothing')).status).toBe(404);
  });

  it('need a scope to be created', async () => {
    const reader = await catalog.as({ subject: 'rita', scope: 'catalog:read' });
    expect((await reader.put('/v1/namespaces/readers')).body).toMatchObject({ code: 'insufficient-scope' });
  });
});

describe('members', () => {
  it('are set by key or by a subject of the same issuer, and removed', async () => {
    await paula.put('/v1/namespaces/team');
    const path = `/v1/namespaces/team/members/${encodeURIComponent(keyOf('mia'))}`;
    expect((await paula.put(path, { role: 'maintainer' })).status).toBe(200);
    expect((await paula.put('/v1/namespaces/team/members/nils', { role: 'publisher' })).status).toBe(200);
    const { members } = (await paula.get('/v1/namespaces/team')).body;
    expect(members).toEqual([
      { principal: keyOf('mia'), role: 'maintainer' },
      { principal: keyOf('nils'), role: 'publisher' },
      { principal: keyOf('paula'), role: 'owner' },
    ]);
    expect((await paula.delete(path)).status).toBe(204);
    expect((await paula.delete(path)).status).toBe(204);
    expect((await (await catalog.as('mia')).publish({ name: 'team/x' })).status).toBe(403);
    expect((await (await catalog.as('nils')).publish({ name: 'team/x' })).status).toBe(201);
  });

  it('are managed by owners only', async () => {
    await paula.put('/v1/namespaces/weather/members/nils', { role: 'maintainer' });
    const nils = await catalog.as('nils');
    expect((await nils.put('/v1/namespaces/weather/members/nils', { role: 'owner' })).status).toBe(403);
    expect((await bob.put('/v1/namespaces/weather/members/bob', { role: 'owner' })).status).toBe(403);
    expect((await bob.put('/v1/namespaces/nothing/members/bob', { role: 'owner' })).status).toBe(404);
  });

  it('keep one owner', async () => {
    await paula.put('/v1/namespaces/last');
    expect((await paula.delete('/v1/namespaces/last/members/paula')).body).toMatchObject({ code: 'in-use' });
    expect((await paula.put('/v1/namespaces/last/members/paula', { role: 'reader' })).status).toBe(409);
    await paula.put('/v1/namespaces/last/members/bob', { role: 'owner' });
    expect((await paula.delete('/v1/namespaces/last/members/paula')).status).toBe(204);
  });

  it.each([['a|b'], ['user|no-url|x'], ['user|https://idm|'], ['a\0b']])(
    'refuse the principal %s',
    async (principal) => {
      const answer = await paula.put(`/v1/namespaces/weather/members/${encodeURIComponent(principal)}`, {
        role: 'reader',
      });
      expect(answer.status).toBe(400);
    },
  );

  it('refuse a role there is not', async () => {
    const answer = await paula.put('/v1/namespaces/weather/members/x', { role: 'god' });
    expect(answer.body).toMatchObject({ code: 'invalid-request', errors: [{ pointer: '/body/role' }] });
  });
});
