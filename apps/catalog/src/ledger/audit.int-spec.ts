import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Database } from '../../dist/index.js';
import { archiveOf } from '../testing/archives.js';
import { type CatalogUnderTest, type Caller, startCatalog } from '../testing/catalog-under-test.js';
import { hasPostgres, startPostgres, type TestPostgres } from '../testing/postgres.js';

const inAnHour = () => new Date(Date.now() + 3_600_000).toISOString();
const auditor = { subject: 'ada', roles: ['auditor'], scope: 'audit:read' };

/** What both databases must do. */
function auditSuite(kind: string, environment: () => Readonly<Record<string, string>>): void {
  describe(`the audit on ${kind}`, () => {
    let catalog: CatalogUnderTest;
    let ada: Caller;
    beforeAll(async () => {
      catalog = await startCatalog(environment());
      ada = await catalog.as(auditor);
      const paula = await catalog.as('paula');
      await paula.put('/v1/namespaces/acme');
      await paula.publish({ name: 'acme/a' });
      await (await catalog.as('bob')).put('/v1/namespaces/bobs');
      await paula.patch('/v1/proxylets/acme/a/versions/1.0.0', {
        state: 'yanked',
        reason: 'Zwölf \u0007 Boxkämpfer',
      });
    });
    afterAll(() => catalog[Symbol.asyncDispose]());

    /** Past the triggers, as somebody with the database in hand would. */
    const tamper = async (statement: string): Promise<void> => {
      const isPostgres = kind === 'PostgreSQL';
      await catalog.app.nest.get(Database).write('tamper', async (manager) => {
        if (isPostgres) await manager.query('ALTER TABLE audit DISABLE TRIGGER audit_insert_only');
        else for (const event of ['update', 'delete']) await manager.query(`DROP TRIGGER audit_no_${event}`);
        await manager.query(statement);
        if (isPostgres) await manager.query('ALTER TABLE audit ENABLE TRIGGER audit_insert_only');
        else
          for (const event of ['update', 'delete'])
            await manager.query(
              `CREATE TRIGGER audit_no_${event} BEFORE ${event} ON audit BEGIN SELECT RAISE(ABORT, 'audit is insert-only'); END`,
            );
      });
    };

    it('is a sound chain, page by page and as NDJSON', async () => {
      const verdict = await ada.get('/v1/audit/verify');
      expect(verdict.body).toMatchObject({ ok: true, checked: 4 });
      const first = await ada.get('/v1/audit?limit=3');
      const second = await ada.get(`/v1/audit?since=${first.body.last}`);
      const rows = [...first.body.items, ...second.body.items];
      expect(rows.map(({ seq, target }) => [seq, target])).toEqual([
        [1, 'acme'],
        [2, 'acme/a@1.0.0'],
        [3, 'bobs'],
        [4, 'acme/a@1.0.0'],
      ]);
      expect(rows.map(({ prevHash }) => prevHash)).toEqual([
        '0'.repeat(64),
        ...rows.slice(0, 3).map(({ hash }) => hash),
      ]);
      const exported = await ada.get('/v1/audit/export');
      expect(exported.headers['content-type']).toBe('application/x-ndjson');
      const lines = exported.text.trimEnd().split('\n');
      expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(rows);
    });

    it('shows an owner what is about the own namespace, others nothing, and tells only auditors that all is sound', async () => {
      const owner = await catalog.as({ subject: 'paula', scope: 'audit:read' });
      const seen = await owner.get('/v1/audit');
      expect(seen.body.items.map(({ namespace }: { namespace: string }) => namespace)).toEqual([
        'acme',
        'acme',
        'acme',
      ]);
      expect((await owner.get('/v1/audit?namespace=bobs')).body.items).toEqual([]);
      expect((await owner.get('/v1/audit/verify')).body.code).toBe('forbidden');
      const stranger = await catalog.as({ subject: 'eve', scope: 'audit:read' });
      expect((await stranger.get('/v1/audit')).body.items).toEqual([]);
      expect((await (await catalog.as('eve')).get('/v1/audit')).body.code).toBe('insufficient-scope');
    });

    it('shows at which row somebody changed one, by hand, in the database', async () => {
      const { head } = (await ada.get('/v1/audit/verify')).body;
      await tamper(`UPDATE audit SET actor = 'user|nobody' WHERE seq = 2`);
      expect((await ada.get('/v1/audit/verify')).body).toMatchObject({
        ok: false,
        checked: 1,
        broken: { seq: 2 },
      });
      const actor = `user|${catalog.issuer.url}|paula`;
      await tamper(`UPDATE audit SET actor = '${actor}' WHERE seq = 2`);
      expect((await ada.get('/v1/audit/verify')).body.ok).toBe(true);

      await tamper('DELETE FROM audit WHERE seq = 4');
      expect((await ada.get('/v1/audit/verify')).body.ok).toBe(true);
      const noted = await ada.get(`/v1/audit/verify?head=${head.seq}:${head.hash}`);
      expect(noted.body).toMatchObject({ ok: false, broken: { seq: 4 } });
      await tamper('DELETE FROM audit WHERE seq = 2');
      expect((await ada.get('/v1/audit/verify')).body).toMatchObject({ ok: false, broken: { seq: 3 } });
    });
  });
}

/** A request with an identity of its own, through a proxy. */
const through = (index: number, address = `192.0.2.${index}`) => ({
  traceparent: `00-${String(index).padStart(32, '1')}-00f067aa0ba902b7-01`,
  'x-forwarded-for': `198.51.100.9, ${address}`,
});
interface Seen {
  readonly target: string;
  readonly via?: Readonly<Record<string, string>>;
}

describe('how a request came', () => {
  it('is in its entry, also of many at once, with the address a trusted proxy tells', async () => {
    await using catalog = await startCatalog({ PROXYLET_CATALOG_TRUSTED_PROXIES: '["127.0.0.0/8","::1"]' });
    const paula = await catalog.as('paula');
    const numbers = Array.from({ length: 30 }, (_, index) => index + 10);
    await Promise.all(
      numbers.map((index) => paula.put(`/v1/namespaces/n${index}x`, undefined, through(index))),
    );
    const ada = await catalog.as(auditor);
    const { items } = (await ada.get('/v1/audit')).body as { items: readonly Seen[] };
    expect(items).toHaveLength(30);
    for (const { target, via } of items) {
      const index = Number(/\d+/.exec(target)?.[0]);
      expect(via).toMatchObject({
        requestId: String(index).padStart(32, '1'),
        address: `192.0.2.${index}`,
        method: 'access-token',
      });
    }
    const owner = await catalog.as({ subject: 'paula', scope: 'audit:read' });
    const own = (await owner.get('/v1/audit')).body as { items: readonly Seen[] };
    expect(own.items[0]?.via).toMatchObject({ method: 'access-token' });
    expect(own.items.filter(({ via }) => via?.['address'] !== undefined)).toEqual([]);
    expect((await ada.get('/v1/audit/verify')).body).toMatchObject({ ok: true, checked: 30 });

    const wish = { label: 'ci', actions: ['publish'], resources: ['n10x/*'], expiresAt: inAnHour() };
    const made = (await paula.post('/v1/tokens', { ...wish, cidrs: ['192.0.2.77/32'] })).body;
    const bearer = catalog.bearing(made.token as string);
    const bytes = archiveOf({ name: 'n10x/a' });
    const path = '/v1/proxylets/n10x/a/versions/1.0.0';
    expect((await bearer.send(path, bytes, through(1))).body.code).toBe('token-address-refused');
    expect((await bearer.send(path, bytes, through(77))).status).toBe(201);
    const last = (await ada.get('/v1/audit')).body as { items: readonly Seen[] };
    expect(last.items.at(-1)?.via).toMatchObject({
      method: 'publish-token',
      tokenId: made.id as string,
      address: '192.0.2.77',
    });
  });

  it('is not what a caller says of itself where no proxy is configured', async () => {
    await using catalog = await startCatalog();
    const paula = await catalog.as('paula');
    await paula.put('/v1/namespaces/acme', undefined, through(7));
    const { items } = (await (await catalog.as(auditor)).get('/v1/audit')).body as { items: readonly Seen[] };
    expect(items[0]?.via?.['address']).toMatch(/^(?:127\.0\.0\.1|::1)$/);
  });

  it('counts as the connection’s where the proxy passes on what is no address', async () => {
    await using catalog = await startCatalog({ PROXYLET_CATALOG_TRUSTED_PROXIES: '["127.0.0.1"]' });
    const paula = await catalog.as('paula');
    await paula.put('/v1/namespaces/acme', undefined, through(7, '"><script>'));
    const { items } = (await (await catalog.as(auditor)).get('/v1/audit')).body as { items: readonly Seen[] };
    expect(items[0]?.via?.['address']).toBe('127.0.0.1');
  });
});

auditSuite('SQLite', () => ({}));

if (hasPostgres) {
  let postgres: TestPostgres;
  beforeAll(async () => {
    postgres = await startPostgres();
  });
  afterAll(() => postgres[Symbol.asyncDispose]());
  auditSuite('PostgreSQL', () => ({ PROXYLET_CATALOG_DATABASE_URL: postgres.url }));
}
