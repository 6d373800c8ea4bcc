import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callerKinds, callers, publicRoutes, rightsRows } from '../../test/rights-table.js';
import { TestEngine } from '../../test/test-engine.js';

let engine: TestEngine;

beforeAll(async () => {
  engine = await TestEngine.start();
  const echo = `export default { fetch: () => new Response('echo') };`;
  const config = { type: 'object', properties: { size: { type: 'integer' } } };
  engine.catalog.publish('acme/echo', '1.0.0', echo, { secrets: ['KEY'], config });
  engine.catalog.publish('acme/fresh', '1.0.0', echo);
  engine.catalog.publish('acme/part', '1.0.0', echo);
  engine.catalog.services.set('acme/all', { 'acme/part': '*' });
  expect((await engine.install('acme/echo')).status).toBe(201);
});

afterAll(() => engine[Symbol.asyncDispose]());

const pathOf = (route: string): string =>
  route
    .slice(route.indexOf(' ') + 1)
    .replace('{ns}/{name}', 'acme/echo')
    .replace('{secret}', 'KEY');

async function statusOf(method: string, path: string, token: string, body: unknown): Promise<number> {
  const response = await fetch(`${engine.url}${path}`, {
    method,
    headers: {
      ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  await response.body?.cancel();
  return response.status;
}

describe('rights at an engine', () => {
  it.each(rightsRows)('$route', async ({ route, path = pathOf(route), body, before, expected }) => {
    const [method = ''] = route.split(' ');
    const got: Record<string, number> = {};
    for (const kind of callerKinds) {
      await before?.(engine);
      got[kind] = await statusOf(method, path, callers[kind](engine), body);
    }
    expect(got).toEqual(Object.fromEntries(callerKinds.map((kind, i) => [kind, expected[i]])));
  });

  it('are stated for every route there is', async () => {
    const { paths } = (await engine.call<Description>('GET', '/openapi.json')).body;
    const routes = Object.entries(paths).flatMap(([path, verbs]) =>
      Object.entries(verbs).map(([verb, { security }]) => ({
        route: `${verb.toUpperCase()} ${path}`,
        isPublic: security.length === 0,
      })),
    );
    const stated = new Set(rightsRows.map(({ route }) => route));
    expect(routes.filter(({ isPublic, route }) => !isPublic && !stated.has(route))).toEqual([]);
    expect(routes.filter(({ isPublic }) => isPublic).map(({ route }) => route)).toEqual(publicRoutes);
  });
});

interface Description {
  readonly paths: Readonly<
    Record<string, Readonly<Record<string, { readonly security: readonly unknown[] }>>>
  >;
}

const inTenant = (tenant: string, tenants: readonly string[] = []) => ({
  token: engine.issuer.token({
    sub: 'alice',
    scope: 'engine:invoke engine:install',
    aud: 'urn:proxylet:engine:local',
    groups: tenants,
  }),
  headers: tenant === '' ? {} : { 'fiware-service': tenant },
});

describe('tenants', () => {
  it.each([
    ['/v1/installations', 200],
    ['/run/acme/echo/', 200],
  ])('are selected among those of the token, never granted: %s', async (path) => {
    expect((await engine.call('GET', path, inTenant('', ['plant']))).status).toBe(200);
    expect((await engine.call('GET', path, inTenant('other', ['plant']))).body).toMatchObject({
      code: 'tenant-refused',
    });
    expect((await engine.call('GET', path, inTenant('plant'))).status).toBe(403);
    for (const bad of ['a b', '../plant', 'plant,other', 'x'.repeat(51)])
      expect((await engine.call('GET', path, inTenant(bad, ['plant']))).body).toMatchObject({
        code: 'invalid-tenant',
      });
  });

  it('have installations of their own, also of one and the same user', async () => {
    const plant = inTenant('Plant', ['plant', 'other']);
    expect((await engine.call('GET', '/run/acme/echo/', plant)).status).toBe(404);
    const body = { consent: true };
    expect((await engine.call('PUT', '/v1/installations/acme/echo', { ...plant, body })).status).toBe(201);
    expect((await engine.call('GET', '/run/acme/echo/', plant)).text).toBe('echo');
    const other = inTenant('other', ['plant', 'other']);
    expect((await engine.call('GET', '/v1/installations/acme/echo', other)).status).toBe(404);
    expect((await engine.call('DELETE', '/v1/installations/acme/echo', plant)).status).toBe(204);
    expect((await engine.call('GET', '/run/acme/echo/', inTenant(''))).status).toBe(200);
  });

  it('do not mix under a thousand calls at once', async () => {
    const plant = inTenant('plant', ['plant']);
    await engine.call('PUT', '/v1/installations/acme/fresh', { ...plant, body: { consent: true } });
    const bob = engine.token('bobby');
    for (let round = 0; round < 20; round += 1) {
      const statuses = await Promise.all(
        Array.from({ length: 50 }, (_, i) =>
          engine.call('GET', '/run/acme/fresh/', i % 2 === 0 ? plant : { token: bob }),
        ),
      );
      expect(statuses.every(({ status }, i) => status === (i % 2 === 0 ? 200 : 404))).toBe(true);
    }
  });
});
