import { DataSource, type DataSourceOptions } from 'typeorm';
import { expect, it } from 'vitest';
// The built migrations: what is tested is what ships.
import { FirstTables1763600000000 } from '../../dist/database/migrations/1763600000000-first-tables.js';
import { Rights1763700001000 } from '../../dist/database/migrations/1763700001000-rights.js';
import { hasPostgres, startPostgres } from '../testing/postgres.js';

const migrations = [FirstTables1763600000000, Rights1763700001000];

async function upAndDown(options: DataSourceOptions): Promise<void> {
  const source = await new DataSource({ ...options, migrations }).initialize();
  try {
    await source.runMigrations();
    await source.undoLastMigration();
    await source.query(
      `INSERT INTO namespace (name, canonical, created_by, created_at) VALUES ('a', 'a', 'x', 'x')`,
    );
    await source.query(
      `INSERT INTO proxylet (namespace, name, revision, search_text, created_at) VALUES ('a', 'b', 1, '', 'x')`,
    );
    await source.runMigrations();
    expect(await source.query('SELECT default_visibility AS visibility FROM namespace')).toEqual([
      { visibility: 'public' },
    ]);
    expect(await source.query('SELECT name, visibility FROM proxylet')).toEqual([
      { name: 'b', visibility: 'public' },
    ]);
  } finally {
    await source.destroy();
  }
}

it('what was there before stays public, and the migration can be undone, on SQLite', async () => {
  await upAndDown({ type: 'better-sqlite3', database: ':memory:' });
});

it.runIf(hasPostgres)('the same on PostgreSQL', async () => {
  await using postgres = await startPostgres();
  await upAndDown({ type: 'postgres', url: postgres.url, installExtensions: false });
});
