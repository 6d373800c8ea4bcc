import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testBackend } from '../testing/backend.config.js';
import type { Answer } from '../testing/catalog-under-test.js';
import { startIssuer } from '../testing/issuer.js';
import { hasPostgres, startMigrated, type TestPostgres } from '../testing/postgres.js';
import { type RightsFixture, rightsFixture } from '../testing/rights-fixture.js';
import { engineProfile, kinds, soon } from '../testing/rights-kinds.js';
import { publicRead, rows } from '../testing/rights-table.js';
import { type ApiRoute, apiRoutes, routesWithoutRow } from '../testing/route-walk.js';

/** An answer without what must differ: the name asked for and the number of the request. */
function blank(answer: Answer, name: string): object {
  const { traceId: _, ...body } = answer.body as Record<string, unknown>;
  return {
    status: answer.status,
    body: JSON.stringify(body).replaceAll(name, '{}'),
    headers: Object.keys(answer.headers).toSorted(),
  };
}

const databases =
  testBackend() === 'embedded' && hasPostgres ? ['SQLite', 'PostgreSQL'] : ['the one of this run'];

describe.each(databases)('rights, kept in %s', (database) => {
  let postgres: TestPostgres | undefined;
  let sut: RightsFixture;
  beforeAll(async () => {
    if (database === 'PostgreSQL') postgres = await startMigrated();
    sut = await rightsFixture(postgres === undefined ? {} : { PROXYLET_CATALOG_DATABASE_URL: postgres.url });
  });
  afterAll(async () => {
    await sut[Symbol.asyncDispose]();
    await postgres?.[Symbol.asyncDispose]();
  });

  it.each(rows)('$route', async ({ call, before, expected }) => {
    const got: Record<string, number> = {};
    for (const kind of kinds) {
      const prepared = await before?.(sut.callers.admin);
      got[kind] = (await call(sut.callers[kind], sut.digests, prepared)).status;
    }
    expect(got).toEqual(Object.fromEntries(kinds.map((kind, index) => [kind, expected[index]])));
  });

  it('search shows to each what it may read', async () => {
    const found: Record<string, string[]> = {};
    for (const kind of kinds.filter((one) => one !== 'anonymous')) {
      const answer = await sut.callers[kind].get('/v1/proxylets?namespace=acme');
      found[kind] = (answer.body.items as { name: string }[]).map(({ name }) => name).toSorted();
    }
    const open = ['acme/held', 'acme/held-too', 'acme/pub', 'acme/top'];
    const internal = ['acme/held', 'acme/held-too', 'acme/int', 'acme/pub', 'acme/top'];
    const all = ['acme/held', 'acme/held-too', 'acme/int', 'acme/priv', 'acme/pub', 'acme/top'];
    expect(found).toEqual({
      user: internal,
      'foreign owner': internal,
      reader: all,
      'group reader': all,
      publisher: all,
      maintainer: all,
      owner: all,
      admin: all,
      engine: all,
      'token within': all,
      'token elsewhere': open,
    });
  });

  it('what is hidden and what is not there are answered in the same words', async () => {
    const { user } = sut.callers;
    const calls: ((name: string) => Promise<Answer>)[] = [
      (name) => user.get(`/v1/proxylets/${name}`),
      (name) => user.get(`/v1/proxylets/${name}/versions`),
      (name) => user.get(`/v1/proxylets/${name}/versions/1.0.0`),
      (name) => user.get(`/v1/proxylets/${name}/versions/1.0.0/readme`),
      (name) => user.get(`/v1/proxylets/${name}/versions/1.0.0/history`),
      (name) => user.get(`/v1/proxylets/${name}/channels/next`),
      (name) => user.get(`/v1/services/${name}`),
      (name) => user.get(`/v1/services/${name}/versions`),
      (name) => user.get(`/v1/proxylets?service=${name}`),
      (name) => user.put(`/v1/proxylets/${name}/channels/next`, { version: '1.0.0' }),
      (name) => user.patch(`/v1/proxylets/${name}`, { visibility: 'public', reason: 'mine' }),
      (name) => user.patch(`/v1/proxylets/${name}/versions/1.0.0`, { state: 'yanked', reason: 'x' }),
      (name) => user.post('/v1/resolve', { engine: engineProfile, wants: [{ proxylet: name }] }),
      (name) => user.post('/v1/resolve', { engine: engineProfile, wants: [{ service: name }] }),
    ];
    for (const call of calls) {
      expect(blank(await call('acme/priv'), 'acme/priv')).toEqual(
        blank(await call('acme/none'), 'acme/none'),
      );
    }
    const unknown = `sha256:${'0'.repeat(64)}`;
    const digest = sut.digests['acme/priv'] ?? '';
    expect(blank(await user.get(`/v1/blobs/${digest}`), digest)).toEqual(
      blank(await user.get(`/v1/blobs/${unknown}`), unknown),
    );
  });
});

/** Routes a new part brings are covered here from the first day. */
describe('every route', () => {
  let sut: RightsFixture;
  let routes: readonly ApiRoute[];
  beforeAll(async () => {
    sut = await rightsFixture({});
    routes = apiRoutes((await sut.catalog.anonymous().get('/openapi.json')).body);
  });
  afterAll(() => sut[Symbol.asyncDispose]());

  const statusesWith = async (token: string | undefined): Promise<Record<string, number>> => {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const statuses: Record<string, number> = {};
    for (const { route, method, url } of routes.filter(({ isOpen }) => !isOpen)) {
      const answer = await fetch(`${sut.catalog.url}${url}`, { method, headers });
      await answer.body?.cancel();
      statuses[route] = answer.status;
    }
    return statuses;
  };
  const all = (status: number): Record<string, number> =>
    Object.fromEntries(routes.filter(({ isOpen }) => !isOpen).map(({ route }) => [route, status]));

  it('has a row in the table of rights', () => {
    expect(routesWithoutRow(routes, rows)).toEqual([]);
  });

  it('is closed to whoever has no token, but for the exchange of one', async () => {
    expect(await statusesWith(undefined)).toEqual(all(401));
    expect(routes.filter(({ isOpen }) => isOpen).map(({ route }) => route)).toEqual([
      'POST /v1/tokens/exchange',
    ]);
  });

  it('is closed to a token for another service, of another issuer, made up, or revoked', async () => {
    const subject = 'olga';
    await using elsewhere = await startIssuer();
    const made = await sut.callers.owner.post('/v1/tokens', {
      label: 'revoked',
      actions: ['read', 'publish', 'yank', 'channel'],
      resources: ['acme/*'],
      expiresAt: soon(),
    });
    await sut.callers.owner.delete(`/v1/tokens/${String(made.body.id)}`);
    for (const token of [
      await sut.catalog.issuer.token({ subject, audience: 'urn:proxylet:engine:local' }),
      await elsewhere.token({ subject }),
      'pxl_made-up',
      String(made.body.token),
    ]) {
      expect(await statusesWith(token)).toEqual(all(401));
    }
  });

  it('is closed to a token for other things: with the scopes of an engine, whoever has it', async () => {
    const scope = 'engine:invoke engine:install engine:manage engine:admin';
    const token = await sut.catalog.issuer.token({ subject: 'olga', roles: ['platform-admin'], scope });
    expect(await statusesWith(token)).toEqual(all(403));
  });

  it('changes nothing for a token made to move channels in another namespace', async () => {
    const { owner } = sut.callers;
    await owner.put('/v1/namespaces/aside');
    const made = await owner.post('/v1/tokens', {
      label: 'aside',
      actions: ['channel'],
      resources: ['aside/*'],
      expiresAt: soon(),
    });
    const statuses = await statusesWith(String(made.body.token));
    const passed = Object.entries(statuses).filter(([, status]) => status < 400);
    expect(passed).toEqual([]);
  });
});

describe('without tokens, where the catalog admits that', () => {
  it('reads are of what is public, changes are refused, and a wrong token is no token', async () => {
    await using sut = await rightsFixture({ PROXYLET_CATALOG_ANONYMOUS_READ: 'true' });
    const { anonymous } = sut.callers;
    for (const { route, call, expected } of rows) {
      const isRead = /^(?:GET|HEAD) \/v1\/(?:proxylets|blobs|services|tuf)/.test(route);
      const { status } = await call(anonymous, sut.digests, undefined);
      if (String(expected) === String(publicRead) && isRead)
        expect(`${route}: ${status}`).toBe(`${route}: 200`);
      else if (isRead) expect(`${route}: ${status}`).toBe(`${route}: 404`);
      else if (route.includes('resolve')) expect(`${route}: ${status}`).toBe(`${route}: 422`);
      else expect(`${route}: ${status}`).toBe(`${route}: 401`);
    }
    const wanted = { engine: engineProfile, wants: [{ proxylet: 'acme/pub' }] };
    expect((await anonymous.post('/v1/resolve', wanted)).status).toBe(200);
    expect((await sut.catalog.bearing('wrong').get('/v1/proxylets')).status).toBe(401);
    expect((await sut.catalog.bearing('pxl_wrong').get('/v1/proxylets')).status).toBe(401);
  });
});
