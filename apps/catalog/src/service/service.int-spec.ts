import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Caller, type CatalogUnderTest, startCatalog } from '../testing/catalog-under-test.js';

let catalog: CatalogUnderTest;
let paula: Caller;
let reader: Caller;
beforeAll(async () => {
  catalog = await startCatalog();
  paula = await catalog.as('paula');
  reader = await catalog.as({ subject: 'rita', scope: 'catalog:read' });
  await paula.put('/v1/namespaces/acme');
  for (const version of ['1.0.0', '1.1.0', '2.0.0']) await paula.publish({ name: 'acme/base', version });
  await paula.publish({
    name: 'acme/top',
    manifest: { dependencies: { 'acme/base': '^1' }, capabilities: ['kv'] },
  });
  await paula.publish({ name: 'acme/new', manifest: { dependencies: { 'acme/base': '^2' } } });
});
afterAll(() => catalog[Symbol.asyncDispose]());

const path = '/v1/services/acme/set';
const engine = { runtimes: [{ type: 'isolate', version: '1.2.0' }], capabilities: ['kv'] };
const resolve = (wants: object[], profile: object = engine) =>
  reader.post('/v1/resolve', { engine: profile, wants });

describe('a service', () => {
  it('is registered once per content; other content under its version is refused', async () => {
    const definition = {
      version: '1.0.0',
      description: 'Set',
      proxylets: { 'acme/top': '^1', 'acme/base': '>=1 <3' },
    };
    const first = await paula.put(path, definition);
    expect(first.status).toBe(201);
    expect(first.body).toMatchObject({
      name: 'acme/set',
      version: '1.0.0',
      resolvesTo: { 'acme/top': '1.0.0', 'acme/base': '2.0.0' },
    });
    const reordered = { ...definition, proxylets: { 'acme/base': '>=1 <3', 'acme/top': '^1' } };
    expect((await paula.put(path, reordered)).status).toBe(200);
    const other = await paula.put(path, { ...definition, description: 'Other' });
    expect(other.body).toMatchObject({ status: 409, code: 'version-exists' });
  });

  it('keeps its versions', async () => {
    expect((await paula.put(path, { version: '1.1.0', proxylets: { 'acme/base': '^1' } })).status).toBe(201);
    expect((await reader.get(path)).body).toMatchObject({
      version: '1.1.0',
      resolvesTo: { 'acme/base': '1.1.0' },
    });
    const { items } = (await reader.get(`${path}/versions`)).body;
    expect(items.map(({ version }: { version: string }) => version)).toEqual(['1.1.0', '1.0.0']);
    expect((await reader.get(`${path}/versions/1.0.0`)).body.description).toBe('Set');
    expect((await reader.get(`${path}/versions/3.0.0`)).status).toBe(404);
    const etag = String((await reader.get(path)).headers['etag']);
    expect((await reader.get(path, { 'if-none-match': etag })).status).toBe(304);
  });

  it.each([
    ['a proxylet that is not there', { 'acme/none': '*' }, '/proxylets/acme~1none'],
    ['a range without a version', { 'acme/base': '^9' }, '/proxylets/acme~1base'],
    ['a set that cannot be met together', { 'acme/top': '*', 'acme/new': '*' }, '/wants'],
  ])('is refused with %s', async (_case, proxylets, pointer) => {
    const answer = await paula.put('/v1/services/acme/bad', { version: '1.0.0', proxylets });
    expect(answer.status).toBe(422);
    expect(answer.body).toMatchObject({ code: 'service-invalid', errors: [{ pointer }] });
    expect((await reader.get('/v1/services/acme/bad')).status).toBe(404);
  });

  it('is refused from who may not, and where the body has faults', async () => {
    const definition = { version: '1.0.0', proxylets: { 'acme/base': '*' } };
    expect((await (await catalog.as('bob')).put('/v1/services/acme/foreign', definition)).status).toBe(403);
    expect((await reader.put('/v1/services/acme/foreign', definition)).status).toBe(403);
    expect((await paula.put('/v1/services/nowhere/foreign', definition)).status).toBe(404);
    for (const body of [
      {},
      { ...definition, proxylets: {} },
      { ...definition, extra: 1 },
      { ...definition, version: '1' },
    ]) {
      expect((await paula.put('/v1/services/acme/foreign', body)).body).toMatchObject({
        code: 'invalid-request',
      });
    }
  });

  it('is registered by one of several at once', async () => {
    const bodies = [1, 2, 3].map((n) => ({
      version: '1.0.0',
      description: `${n}`,
      proxylets: { 'acme/base': '*' },
    }));
    const answers = await Promise.all(bodies.map((body) => paula.put('/v1/services/acme/raced', body)));
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([201, 409, 409]);
  });
});

describe('resolve', () => {
  it('locks a proxylet and what it depends on, dependencies first', async () => {
    const answer = await resolve([{ proxylet: 'acme/top' }]);
    expect(answer.status).toBe(200);
    expect(answer.body.services).toEqual([]);
    expect(answer.body.proxylets).toMatchObject([
      { name: 'acme/base', version: '1.1.0' },
      {
        name: 'acme/top',
        version: '1.0.0',
        dependencies: { 'acme/base': '1.1.0' },
        permissions: { capabilities: ['kv'] },
      },
    ]);
    const { digest } = (await reader.get('/v1/proxylets/acme/top/versions/1.0.0')).body;
    expect(answer.body.proxylets[1].digest).toBe(digest);
  });

  it('expands a service to its proxylets', async () => {
    const answer = await resolve([{ service: 'acme/set', range: '^1.0.0' }]);
    expect(answer.body).toMatchObject({
      services: [{ name: 'acme/set', version: '1.1.0' }],
      proxylets: [{ name: 'acme/base', version: '1.1.0' }],
    });
  });

  it('sees a version the moment it is published, and no yanked one', async () => {
    await paula.publish({ name: 'acme/fresh', version: '1.0.0' });
    await paula.publish({ name: 'acme/fresh', version: '1.1.0' });
    expect((await resolve([{ proxylet: 'acme/fresh' }])).body.proxylets[0].version).toBe('1.1.0');
    await paula.patch('/v1/proxylets/acme/fresh/versions/1.1.0', { state: 'yanked', reason: 'bad' });
    expect((await resolve([{ proxylet: 'acme/fresh' }])).body.proxylets[0].version).toBe('1.0.0');
    const refused = await resolve([{ proxylet: 'acme/fresh', range: '>=1.1' }]);
    expect(refused.body).toMatchObject({
      status: 422,
      code: 'unresolvable',
      detail: expect.stringContaining('1.1.0 would do but was yanked: "bad"'),
      errors: [{ pointer: '/wants/0' }],
      obstacles: [{ name: 'acme/fresh', range: '>=1.1', by: 'you', kind: 'yanked', nearest: '1.1.0' }],
    });
  });

  it('gives a yanked version to whoever names it exactly, with a warning', async () => {
    await paula.publish({ name: 'acme/withdrawn', version: '1.0.0' });
    await paula.patch('/v1/proxylets/acme/withdrawn/versions/1.0.0', { state: 'yanked', reason: 'bad' });
    const pinned = await resolve([{ proxylet: 'acme/withdrawn', range: '=1.0.0' }]);
    expect(pinned.body.proxylets).toMatchObject([{ version: '1.0.0', warning: 'yanked: bad' }]);
  });

  it('follows a channel to its version, pre-release or not', async () => {
    await paula.publish({ name: 'acme/moving', version: '1.0.0' });
    await paula.publish({ name: 'acme/moving', version: '2.0.0-beta.1' });
    await paula.put('/v1/proxylets/acme/moving/channels/next', { version: '2.0.0-beta.1' });
    const versionOn = async (channel: string) =>
      (await resolve([{ proxylet: 'acme/moving', channel }])).body.proxylets?.[0].version;
    expect(await versionOn('next')).toBe('2.0.0-beta.1');
    expect(await versionOn('latest')).toBe('1.0.0');
    expect((await resolve([{ proxylet: 'acme/moving', channel: 'beta' }])).body.detail).toContain(
      'there is no such channel; it has next, latest',
    );
  });

  it('warns of a deprecated version', async () => {
    await paula.publish({ name: 'acme/old' });
    await paula.patch('/v1/proxylets/acme/old/versions/1.0.0', {
      state: 'deprecated',
      reason: 'use acme/fresh',
    });
    expect((await resolve([{ proxylet: 'acme/old' }])).body.proxylets).toMatchObject([
      { warning: 'use acme/fresh' },
    ]);
  });

  it.each([
    ['an unknown proxylet', [{ proxylet: 'acme/none' }], engine, 'does not have'],
    ['an unknown service', [{ service: 'acme/none' }], engine, 'no service'],
    ['a range nothing meets', [{ proxylet: 'acme/base', range: '^7' }], engine, 'no such version'],
    ['an engine without the runtime', [{ proxylet: 'acme/base' }], { runtimes: [] }, 'needs runtime isolate'],
    [
      'an engine without the capability',
      [{ proxylet: 'acme/top' }],
      { ...engine, capabilities: [] },
      'needs kv',
    ],
    ['wants that contradict', [{ proxylet: 'acme/top' }, { proxylet: 'acme/new' }], engine, 'acme/base'],
  ])('refuses %s and says why', async (_case, wants, profile, why) => {
    const answer = await resolve(wants, profile);
    expect(answer.status).toBe(422);
    expect(answer.body).toMatchObject({ code: 'unresolvable', detail: expect.stringContaining(why) });
  });

  it('refuses bodies that are none', async () => {
    for (const body of [
      {},
      { engine, wants: [] },
      { engine, wants: [{}] },
      { engine, wants: [{ proxylet: 'x' }] },
    ]) {
      expect((await reader.post('/v1/resolve', body)).body).toMatchObject({ code: 'invalid-request' });
    }
    expect((await catalog.anonymous().post('/v1/resolve', { engine, wants: [] })).status).toBe(401);
  });
});
