import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Database, NamespaceRow } from '../../dist/index.js';
import { type CatalogUnderTest, startCatalog } from '../testing/catalog-under-test.js';
import { hasPostgres, startPostgres, type TestPostgres } from '../testing/postgres.js';

let postgres: TestPostgres | undefined;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'database-'));
  if (hasPostgres) postgres = await startPostgres();
});
afterAll(async () => {
  await postgres?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const row = (name: string) => ({
  name,
  canonical: name,
  createdBy: 'test',
  createdAt: '2026-01-01T00:00:00.000Z',
});

/** What both databases must do. */
function databaseSuite(kind: string, open: () => Promise<Database>): void {
  describe(`${kind} as the catalog’s database`, () => {
    let database: Database;
    beforeAll(async () => {
      database = await open();
    });
    afterAll(() => database.close());

    it('shows what was committed, and nothing of a transaction under way or rolled back', async () => {
      let seenInside = -1;
      const failing = database.write('t', async (manager) => {
        await manager.insert(NamespaceRow, row('rolled-back'));
        seenInside = await database.read.countBy(NamespaceRow, { name: 'rolled-back' });
        throw new Error('stop');
      });
      await expect(failing).rejects.toThrow('stop');
      expect(seenInside).toBe(0);
      expect(await database.read.countBy(NamespaceRow, { name: 'rolled-back' })).toBe(0);
      await database.write('t', (manager) => manager.insert(NamespaceRow, row('kept')));
      expect(await database.read.countBy(NamespaceRow, { name: 'kept' })).toBe(1);
    });

    it('never overlaps two transactions of a topic', async () => {
      let running = 0;
      let most = 0;
      const work = () =>
        database.write('topic', async (manager) => {
          running += 1;
          most = Math.max(most, running);
          await manager.count(NamespaceRow);
          await new Promise((resolve) => setImmediate(resolve));
          running -= 1;
        });
      await Promise.all(Array.from({ length: 20 }, work));
      expect(most).toBe(1);
    });

    it.each(['version', 'version_state', 'audit'])('refuses to change the table %s', async (table) => {
      await database.write('audit', async (manager) => {
        await manager.query(
          `INSERT INTO audit (at, actor, action, target, detail) VALUES ('', '', '', '', '')`,
        );
      });
      const column = table === 'version' ? 'digest' : 'at';
      if (table === 'audit') {
        for (const change of [`UPDATE ${table} SET ${column} = 'x'`, `DELETE FROM ${table}`]) {
          await expect(database.write('t', (manager) => manager.query(change))).rejects.toThrow(
            'insert-only',
          );
        }
      } else {
        const triggers = kind === 'SQLite' ? 'sqlite_master' : 'pg_trigger';
        const name = kind === 'SQLite' ? 'name' : 'tgname';
        const found: unknown[] = await database.read.query(
          `SELECT 1 FROM ${triggers} WHERE ${name} LIKE '${table}_%'`,
        );
        expect(found.length).toBeGreaterThan(0);
      }
    });

    it('opens again on the tables it has', async () => {
      const second = await open();
      expect(await second.read.countBy(NamespaceRow, { name: 'kept' })).toBe(1);
      await second.close();
      await second.close();
    });
  });
}

databaseSuite('SQLite', () => Database.open({ url: undefined, folder }));

describe('SQLite on a full disk', () => {
  it('says storage-unavailable, keeps what it had, and goes on when there is room', async () => {
    const small = await mkdtemp(join(folder, 'full-'));
    const database = await Database.open({ url: undefined, folder: small });
    await database.write('t', (manager) => manager.insert(NamespaceRow, row('before')));
    const limit = (pages: number) =>
      database.write('t', (manager) => manager.query(`PRAGMA max_page_count = ${pages}`));
    await limit(1);
    const big = { ...row('big'), createdBy: 'x'.repeat(1_000_000) };
    const failing = database.write('t', (manager) => manager.insert(NamespaceRow, big));
    await expect(failing).rejects.toMatchObject({ code: 'storage-unavailable' });
    await limit(1_000_000);
    await database.write('t', (manager) => manager.insert(NamespaceRow, row('after')));
    await database.close();
    const again = await Database.open({ url: undefined, folder: small });
    const names = (await again.read.find(NamespaceRow))
      .map(({ name }) => name)
      .toSorted((a, b) => (a < b ? -1 : 1));
    expect(names).toEqual(['after', 'before']);
    await again.close();
  });
});

if (hasPostgres) {
  databaseSuite('PostgreSQL', () => Database.open({ url: postgres?.url, folder }));

  it('does a transaction again that PostgreSQL ended to free others', async () => {
    const database = await Database.open({ url: postgres?.url, folder });
    await database.write('t', (manager) => manager.insert(NamespaceRow, [row('dead-a'), row('dead-b')]));
    const both = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    let runs = 0;
    // Each takes the row the other wants next.
    const lock = (first: string, second: string, index: number) =>
      database.write(`deadlock ${index}`, async (manager) => {
        runs += 1;
        const take = (name: string) =>
          manager.query('SELECT 1 FROM namespace WHERE name = $1 FOR UPDATE', [name]);
        await take(first);
        both[index]?.resolve();
        await Promise.all(both.map(({ promise }) => promise));
        await take(second);
        return index;
      });
    expect(await Promise.all([lock('dead-a', 'dead-b', 0), lock('dead-b', 'dead-a', 1)])).toEqual([0, 1]);
    expect(runs).toBeGreaterThan(2);
    await database.close();
  });

  describe('two catalogs on one PostgreSQL', () => {
    const catalogs: CatalogUnderTest[] = [];
    beforeAll(async () => {
      const environment = { PROXYLET_CATALOG_DATABASE_URL: postgres?.url ?? '' };
      catalogs.push(...(await Promise.all([startCatalog(environment), startCatalog(environment)])));
    });
    afterAll(async () => {
      for (const catalog of catalogs) await catalog[Symbol.asyncDispose]();
    });

    it('publish, resolve and register', async () => {
      const [catalog] = catalogs as [CatalogUnderTest];
      const paula = await catalog.as('paula');
      expect((await paula.put('/v1/namespaces/acme')).status).toBe(201);
      for (const version of ['1.0.0', '1.10.0', '1.9.0']) {
        expect(
          (await paula.publish({ name: 'acme/pg', version, manifest: { description: 'In_Postgres' } }))
            .status,
        ).toBe(201);
      }
      expect((await paula.get('/v1/proxylets/acme/pg')).body.latest).toBe('1.10.0');
      expect((await paula.get('/v1/proxylets?q=in_postgres')).body.items).toHaveLength(1);
      const registered = await paula.put('/v1/services/acme/set', {
        version: '1.0.0',
        proxylets: { 'acme/pg': '^1' },
      });
      expect(registered.status).toBe(201);
      const wants = [{ service: 'acme/set' }];
      const engine = { runtimes: [{ type: 'isolate', version: '1.0.0' }] };
      const lock = await paula.post('/v1/resolve', { engine, wants });
      expect(lock.body.proxylets).toMatchObject([{ name: 'acme/pg', version: '1.10.0' }]);
      const moved = await paula.put('/v1/proxylets/acme/pg/channels/next', { version: '1.9.0' });
      expect(moved.status).toBe(201);
      const yanked = await paula.patch('/v1/proxylets/acme/pg/versions/1.10.0', {
        state: 'yanked',
        reason: 'bad',
      });
      expect(yanked.status).toBe(200);
      expect((await paula.get('/v1/proxylets/acme/pg')).body.latest).toBe('1.9.0');
    });

    it('lose none of forty versions published through both at once, and give one number once', async () => {
      const callers = await Promise.all(
        catalogs.map((catalog) =>
          catalog.as({
            subject: 'x',
            roles: ['platform-admin'],
            scope: 'catalog:read catalog:publish catalog:admin',
          }),
        ),
      );
      const publish = async (index: number, version: string): Promise<number | undefined> =>
        (
          await callers[index % 2]?.publish({
            name: 'acme/both',
            version,
            main: `export default { fetch() {} }; // ${index}`,
          })
        )?.status;
      const many = await Promise.all(
        Array.from({ length: 40 }, (_, index) => publish(index, `1.${index}.0`)),
      );
      expect(many).toEqual(Array.from({ length: 40 }, () => 201));
      const raced = await Promise.all([0, 1, 2, 3].map((index) => publish(index, '9.0.0')));
      expect(raced.toSorted((a = 0, b = 0) => a - b)).toEqual([201, 409, 409, 409]);
    });
  });
}
