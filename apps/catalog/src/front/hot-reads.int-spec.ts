import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testBackend } from '../testing/backend.config.js';
import {
  type Answer,
  type Caller,
  type CatalogUnderTest,
  startCatalog,
} from '../testing/catalog-under-test.js';
import { hasPostgres, startMigrated, type TestPostgres } from '../testing/postgres.js';

const databases =
  testBackend() === 'embedded' && hasPostgres ? ['SQLite', 'PostgreSQL'] : ['the one of this run'];
const yank = { state: 'yanked', reason: 'bad' };

/** What of an answer must not depend on where it came from. */
function gist({ status, text, headers }: Answer): unknown {
  const volatile = new Set(['date', 'x-trace-id', 'fiware-correlator', 'connection', 'keep-alive']);
  const rest = Object.entries(headers).filter(([name]) => !volatile.has(name));
  return { status, text, headers: Object.fromEntries(rest.toSorted(([a], [b]) => (a < b ? -1 : 1))) };
}

describe.each(databases)('answers kept in memory, of %s', (kind) => {
  let postgres: TestPostgres | undefined;
  let catalog: CatalogUnderTest;
  let paula: Caller;
  let token: string;
  beforeAll(async () => {
    if (kind === 'PostgreSQL') postgres = await startMigrated();
    const settings = postgres === undefined ? {} : { PROXYLET_CATALOG_DATABASE_URL: postgres.url };
    catalog = await startCatalog(settings);
    token = await catalog.issuer.token({ subject: 'paula' });
    paula = catalog.bearing(token);
    await paula.put('/v1/namespaces/acme');
    for (const version of ['1.0.0', '1.1.0']) await paula.publish({ name: 'acme/thumb', version });
  });
  afterAll(async () => {
    await catalog[Symbol.asyncDispose]();
    await postgres?.[Symbol.asyncDispose]();
  });

  /** Twice, so that the second comes out of memory; and as the framework answers it. */
  const threeWays = async (path: string) => {
    const [first, second] = [await paula.get(path), await paula.get(path)];
    const slow = await paula.get(path, { prefer: 'x' });
    return [gist(first), gist(second), gist(slow)];
  };

  it.each(['', '/versions', '/versions?limit=1', '/versions/1.0.0'])(
    'are those of the framework: %j',
    async (part) => {
      const [first, second, slow] = await threeWays(`/v1/proxylets/acme/thumb${part}`);
      expect(first).toEqual(slow);
      expect(second).toEqual(slow);
    },
  );

  it.each(['', '/versions', '/versions/1.0.0'])('are those after a change at once: %j', async (part) => {
    const path = `/v1/proxylets/acme/thumb${part}`;
    const before = await paula.get(path);
    expect((await paula.get(path)).text).toBe(before.text);
    await paula.patch('/v1/proxylets/acme/thumb/versions/1.0.0', yank);
    const after = await paula.get(path);
    if (part !== '') expect(after.text).toContain('yanked');
    expect(after.headers['etag']).not.toBe(before.headers['etag'] ?? 'none');
    await paula.patch('/v1/proxylets/acme/thumb/versions/1.0.0', { state: 'published', reason: 'fixed' });
    expect((await paula.get(path)).text).not.toContain('yanked');
  });

  it('are not given of what became private or held', async () => {
    await paula.publish({ name: 'acme/secret' });
    const stranger = await catalog.as({ subject: 'rita', scope: 'catalog:read' });
    const { digest } = (await paula.get('/v1/proxylets/acme/secret/versions/1.0.0')).body;
    const paths = ['/v1/proxylets/acme/secret', '/v1/proxylets/acme/secret/versions', `/v1/blobs/${digest}`];
    const statuses = () => Promise.all(paths.map(async (path) => (await stranger.get(path)).status));
    for (let i = 0; i < 2; i += 1) expect(await statuses()).toEqual([200, 200, 200]);
    const hidden = await paula.patch('/v1/proxylets/acme/secret', { visibility: 'private', reason: 'ours' });
    expect(hidden.status).toBe(200);
    expect(await statuses()).toEqual([404, 404, 404]);
    expect((await paula.get(paths[0] ?? '')).status).toBe(200);
  });

  it('are given to no caller without a good token and the scope', async () => {
    const path = '/v1/proxylets/acme/thumb';
    await threeWays(path);
    expect((await catalog.anonymous().get(path)).status).toBe(401);
    expect((await catalog.bearing(`${token}x`).get(path)).status).toBe(401);
    const engine = await catalog.as({ subject: 'e', scope: 'engine:invoke' });
    for (let i = 0; i < 2; i += 1) expect((await engine.get(path)).status).toBe(403);
  });

  it('answer 304, HEAD, ranges and strange hosts as the framework does', async () => {
    const path = '/v1/proxylets/acme/thumb/versions/1.1.0';
    const { body, headers } = await paula.get(path);
    const etag = String(headers['etag']);
    for (let i = 0; i < 2; i += 1) {
      const again = await paula.get(path, { 'if-none-match': etag });
      expect([again.status, again.text]).toEqual([304, '']);
    }
    const blob = `/v1/blobs/${body.digest}`;
    const whole = await paula.download(blob);
    expect((await paula.download(blob)).body.equals(whole.body)).toBe(true);
    expect((await paula.download(blob, { range: 'bytes=0-9' })).status).toBe(206);
    expect((await paula.head(blob)).headers['content-length']).toBe(String(whole.body.length));
    expect((await paula.get(path, { host: 'evil.example' })).status).toBe(421);
  });

  it.each([
    '/versions?limit=1&limit=2',
    '/versions?x=1',
    '/versions/none',
    '?q=1',
    '/%00',
    '//versions',
    '/versions/',
  ])('are none for %j', async (part) => {
    const path = `/v1/proxylets/acme/thumb${part}`;
    const [first, second, slow] = await threeWays(path);
    expect([first, second].map((one) => (one as Answer).status)).toEqual(
      [slow, slow].map((one) => (one as Answer).status),
    );
    expect((first as Answer).status).toBeGreaterThanOrEqual(400);
  });

  // An embedded database has one catalog.
  if (kind !== 'PostgreSQL' && testBackend() === 'embedded') return;

  it('are those after a change at another catalog', async () => {
    await using other = await startCatalog(catalog.replicaSettings);
    const there = other.bearing(token);
    for (let minor = 2; minor < 22; minor += 1) {
      for (const reader of [paula, there]) await reader.get('/v1/proxylets/acme/thumb');
      expect((await there.publish({ name: 'acme/thumb', version: `1.${minor}.0` })).status).toBe(201);
      expect((await paula.get('/v1/proxylets/acme/thumb')).body.latest).toBe(`1.${minor}.0`);
    }
  });
});
