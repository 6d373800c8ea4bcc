import { until } from '@proxylet/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Caller, type CatalogUnderTest, startCatalog } from '../testing/catalog-under-test.js';
import { everyScope } from '../testing/issuer.js';

let catalog: CatalogUnderTest;
let olga: Caller;
beforeAll(async () => {
  catalog = await startCatalog();
  olga = await catalog.as('olga');
  await olga.put('/v1/namespaces/acme');
  for (const name of ['acme/one', 'acme/two']) expect((await olga.publish({ name })).status).toBe(201);
});
afterAll(() => catalog[Symbol.asyncDispose]());

const inMs = (ms: number) => new Date(Date.now() + ms).toISOString();
const wish = (changes: object = {}) => ({
  label: 'ci',
  actions: ['publish', 'yank', 'channel', 'read'],
  resources: ['acme/*'],
  expiresAt: inMs(3_600_000),
  ...changes,
});

async function tokenOf(owner: Caller, changes: object = {}) {
  const made = await owner.post('/v1/tokens', wish(changes));
  expect(made.status).toBe(201);
  return {
    id: String(made.body.id),
    secret: String(made.body.token),
    caller: catalog.bearing(String(made.body.token)),
  };
}

describe('a publish token', () => {
  it('is shown once and kept as a hash', async () => {
    const { id, secret } = await tokenOf(olga, { label: 'shown once' });
    const { items } = (await olga.get('/v1/tokens')).body as { items: { id: string; prefix: string }[] };
    const listed = items.find((item) => item.id === id);
    expect(listed).toMatchObject({
      label: 'shown once',
      prefix: secret.slice(0, 10),
      actions: wish().actions,
    });
    expect(JSON.stringify(items)).not.toContain(secret.slice(10));
    const audit = (await (await admin()).get('/v1/audit?limit=100')).text;
    expect(audit).toContain(id);
    expect(audit).not.toContain(secret.slice(10));
  });

  it('publishes, yanks, moves channels and reads, each where it was made for that', async () => {
    const { caller } = await tokenOf(olga, { resources: ['acme/one'] });
    expect((await caller.publish({ name: 'acme/one', version: '1.1.0' })).status).toBe(201);
    const yanked = { state: 'yanked', reason: 'leaks' };
    expect((await caller.patch('/v1/proxylets/acme/one/versions/1.1.0', yanked)).status).toBe(200);
    expect((await caller.put('/v1/proxylets/acme/one/channels/next', { version: '1.0.0' })).status).toBe(201);
    expect((await caller.get('/v1/proxylets/acme/one')).status).toBe(200);
    for (const refused of [
      await caller.publish({ name: 'acme/two', version: '1.1.0' }),
      await caller.publish({ name: 'acme/new' }),
      await caller.patch('/v1/proxylets/acme/two/versions/1.0.0', yanked),
      await caller.put('/v1/proxylets/acme/two/channels/next', { version: '1.0.0' }),
      await caller.put('/v1/services/acme/set', { version: '1.0.0', proxylets: { 'acme/one': '*' } }),
      await caller.put('/v1/namespaces/another'),
      await caller.post('/v1/tokens', wish()),
      await caller.delete('/v1/tokens/any'),
    ]) {
      expect([refused.status, refused.body.code]).toEqual([403, 'forbidden']);
    }
  });

  it('of one action is for none of the others', async () => {
    const { caller } = await tokenOf(olga, { actions: ['publish'] });
    expect((await caller.publish({ name: 'acme/two', version: '1.2.0' })).status).toBe(201);
    expect((await caller.get('/v1/proxylets/acme/two')).body).toMatchObject({ code: 'insufficient-scope' });
    const change = { state: 'yanked', reason: 'x' };
    expect((await caller.patch('/v1/proxylets/acme/two/versions/1.2.0', change)).status).toBe(403);
    const registered = await caller.put('/v1/services/acme/set', {
      version: '1.0.0',
      proxylets: { 'acme/two': '*' },
    });
    expect(registered.status).toBe(201);
  });

  it('that is not for reading changes what is private all the same', async () => {
    await olga.publish({ name: 'acme/inner' });
    await olga.patch('/v1/proxylets/acme/inner', { visibility: 'private', reason: 'test' });
    const { caller } = await tokenOf(olga, { actions: ['publish', 'yank', 'channel'] });
    expect((await caller.publish({ name: 'acme/inner', version: '1.1.0' })).status).toBe(201);
    const set = { version: '1.0.0', proxylets: { 'acme/inner': '^1' } };
    const registered = await caller.put('/v1/services/acme/inner', set);
    expect(registered.body).toMatchObject({ proxylets: { 'acme/inner': '^1' } });
    expect(registered.status).toBe(201);
    const moved = await caller.put('/v1/proxylets/acme/inner/channels/next', { version: '1.1.0' });
    expect(moved.status).toBe(201);
    const change = { state: 'yanked', reason: 'x' };
    expect((await caller.patch('/v1/proxylets/acme/inner/versions/1.1.0', change)).status).toBe(200);
    expect((await caller.get('/v1/proxylets/acme/inner')).status).toBe(403);
  });

  it('is for no more than its owner still may', async () => {
    await olga.put('/v1/namespaces/acme/members/mia', { role: 'maintainer' });
    const { caller } = await tokenOf(await catalog.as('mia'));
    expect((await caller.publish({ name: 'acme/mias' })).status).toBe(201);
    await olga.patch('/v1/proxylets/acme/mias', { visibility: 'private', reason: 'test' });
    await olga.put('/v1/namespaces/acme/members/mia', { role: 'reader' });
    expect((await caller.publish({ name: 'acme/mias', version: '1.0.1' })).status).toBe(403);
    expect((await caller.get('/v1/proxylets/acme/mias')).status).toBe(200);
    await olga.delete('/v1/namespaces/acme/members/mia');
    expect((await caller.get('/v1/proxylets/acme/mias')).status).toBe(404);
  });

  it('lends neither a role of the IdM nor platform administration', async () => {
    const group = `role:${catalog.issuer.url}|builders`;
    await olga.put(`/v1/namespaces/acme/members/${encodeURIComponent(group)}`, { role: 'maintainer' });
    const greta = await catalog.as({ subject: 'greta', roles: ['builders'] });
    expect((await greta.publish({ name: 'acme/gretas' })).status).toBe(201);
    expect((await greta.post('/v1/tokens', wish())).body).toMatchObject({ code: 'forbidden' });
    expect((await (await admin()).post('/v1/tokens', wish())).body).toMatchObject({ code: 'forbidden' });
    expect(
      (await (await catalog.as('greta')).publish({ name: 'acme/gretas', version: '2.0.0' })).status,
    ).toBe(403);
  });

  it('lends no scope its owner’s own access token lacks', async () => {
    const weak = await catalog.as({ subject: 'olga', scope: 'catalog:read' });
    expect((await weak.post('/v1/tokens', wish())).body).toMatchObject({ code: 'insufficient-scope' });
    expect((await weak.post('/v1/tokens', wish({ actions: ['read'] }))).status).toBe(201);
  });

  it('is refused from the moment it is revoked, and by nobody else', async () => {
    const { id, caller } = await tokenOf(olga);
    expect((await caller.get('/v1/proxylets')).status).toBe(200);
    expect((await (await catalog.as('fred')).delete(`/v1/tokens/${id}`)).status).toBe(404);
    expect((await caller.get('/v1/proxylets')).status).toBe(200);
    expect((await olga.delete(`/v1/tokens/${id}`)).status).toBe(204);
    const refused = await caller.get('/v1/proxylets');
    expect([refused.status, refused.body.code]).toEqual([401, 'token-revoked']);
    expect(refused.headers['www-authenticate']).toContain('invalid_token');
    expect((await olga.delete(`/v1/tokens/${id}`)).status).toBe(204);
  });

  it('that is revoked ends the streams it opened before they tell more', async () => {
    const { id, secret } = await tokenOf(olga);
    const stream = await fetch(`${catalog.url}/v1/changes?since=now`, {
      headers: { authorization: `Bearer ${secret}`, accept: 'text/event-stream' },
    });
    expect(stream.status).toBe(200);
    await olga.delete(`/v1/tokens/${id}`);
    await olga.publish({ name: 'acme/told-to-nobody' });
    expect(await stream.text()).not.toContain('told-to-nobody');
  });

  it('may be revoked by an admin', async () => {
    const { id, caller } = await tokenOf(olga);
    expect((await (await admin()).delete(`/v1/tokens/${id}`)).status).toBe(204);
    expect((await caller.get('/v1/proxylets')).status).toBe(401);
  });

  it('ends when it says', async () => {
    const { caller } = await tokenOf(olga, { expiresAt: inMs(1000) });
    expect((await caller.get('/v1/proxylets')).status).toBe(200);
    await until(async () => (await caller.get('/v1/proxylets')).body.code === 'token-expired', {
      what: 'the end of the token',
    });
  });

  it('works from its addresses only', async () => {
    const near = await tokenOf(olga, { cidrs: ['127.0.0.0/8', '::1/128'] });
    const far = await tokenOf(olga, { cidrs: ['192.0.2.0/24'] });
    expect((await near.caller.get('/v1/proxylets')).status).toBe(200);
    const refused = await far.caller.get('/v1/proxylets');
    expect([refused.status, refused.body.code]).toEqual([403, 'token-address-refused']);
  });

  it('tells when it was last used, to the minute', async () => {
    const { id, caller } = await tokenOf(olga);
    const lastUse = async () =>
      ((await olga.get('/v1/tokens?limit=100')).body.items as { id: string; lastUsedAt?: string }[]).find(
        (item) => item.id === id,
      )?.lastUsedAt;
    expect(await lastUse()).toBeUndefined();
    await caller.get('/v1/proxylets');
    await until(lastUse, { what: 'a last use' });
    const noted = await lastUse();
    await caller.get('/v1/proxylets');
    await caller.get('/v1/proxylets');
    expect(await lastUse()).toBe(noted);
  });

  it.each([
    ['a time too far', { expiresAt: inMs(367 * 86_400_000) }, '/body/expiresAt'],
    ['a time that is past', { expiresAt: inMs(-1000) }, '/body/expiresAt'],
    ['no time', { expiresAt: undefined }, '/body/expiresAt'],
    ['no action', { actions: [] }, '/body/actions'],
    ['an action there is not', { actions: ['admin'] }, '/body/actions/0'],
    ['everything', { resources: ['*'] }, '/body/resources/0'],
    ['a pattern', { resources: ['acme/t*'] }, '/body/resources/0'],
    ['no resource', { resources: [] }, '/body/resources'],
    ['no range', { cidrs: ['10.0.0.0/99'] }, '/body/cidrs/0'],
    ['no label', { label: ' ' }, '/body/label'],
    ['a label of two lines', { label: 'a\nb' }, '/body/label'],
  ])('is not made with %s', async (_name, changes, pointer) => {
    const answer = await olga.post('/v1/tokens', wish(changes));
    expect(answer.body).toMatchObject({ code: 'invalid-request', errors: [{ pointer }] });
  });

  it.each([
    ['made up', 'pxl_0000000000000000000000000000000000000000000000'],
    ['cut short', 'pxl_abc'],
    ['with a comma', 'pxl_a,b'],
  ])('%s is refused', async (_name, token) => {
    const answer = await catalog.bearing(token).get('/v1/proxylets');
    expect([answer.status, answer.body.code]).toEqual([401, 'invalid-token']);
  });
});

async function admin(): Promise<Caller> {
  return await catalog.as({
    subject: 'adam',
    roles: ['platform-admin'],
    scope: `${everyScope} catalog:admin audit:read`,
  });
}
