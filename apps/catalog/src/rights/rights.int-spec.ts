import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testBackend } from '../testing/backend.config.js';
import type { Answer } from '../testing/catalog-under-test.js';
import { hasPostgres, startMigrated, type TestPostgres } from '../testing/postgres.js';
import { type RightsFixture, rightsFixture } from '../testing/rights-fixture.js';
import { engineProfile, kinds, publicRead, rows } from '../testing/rights-table.js';

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
      await before?.(sut.callers.admin);
      got[kind] = (await call(sut.callers[kind], sut.digests)).status;
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

/** Routes a new part brings are covered here from the first day: nobody gets in without a token. */
describe('every route', () => {
  it('is closed to whoever has no token, and to a token made for something else', async () => {
    await using sut = await rightsFixture({});
    const { paths } = (await sut.catalog.anonymous().get('/openapi.json')).body as {
      paths: Record<string, Record<string, { security: unknown[] }>>;
    };
    const open: string[] = [];
    for (const [path, operations] of Object.entries(paths).filter(([one]) => one.startsWith('/v1/'))) {
      for (const [method, { security }] of Object.entries(operations)) {
        const url = `${sut.catalog.url}${path.replaceAll(/\{[^}]+\}/g, 'x')}`;
        const answer = await fetch(url, { method: method.toUpperCase() });
        await answer.body?.cancel();
        if (security.length === 0) open.push(`${method} ${path}`);
        else expect(`${method} ${path}: ${answer.status}`).toBe(`${method} ${path}: 401`);
      }
    }
    expect(open.toSorted()).toEqual(['post /v1/tokens/exchange']);
  });
});

describe('without tokens, where the catalog admits that', () => {
  it('reads are of what is public, changes are refused, and a wrong token is no token', async () => {
    await using sut = await rightsFixture({ PROXYLET_CATALOG_ANONYMOUS_READ: 'true' });
    const { anonymous } = sut.callers;
    for (const { route, call, expected } of rows) {
      const isRead = /^(?:GET|HEAD) \/v1\/(?:proxylets|blobs|services)/.test(route);
      const { status } = await call(anonymous, sut.digests);
      if (expected === publicRead && isRead) expect(`${route}: ${status}`).toBe(`${route}: 200`);
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
