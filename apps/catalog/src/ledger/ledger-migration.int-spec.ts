import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DataSource, type DataSourceOptions } from 'typeorm';
import { expect, it } from 'vitest';
// The built migrations: what is tested is what ships.
import { FirstTables1763600000000 } from '../../dist/database/migrations/1763600000000-first-tables.js';
import { Ledger1763700003000 } from '../../dist/database/migrations/1763700003000-ledger.js';
import { Webhooks1763700003100 } from '../../dist/database/migrations/1763700003100-webhooks.js';
import { Mirror1763700003200 } from '../../dist/database/migrations/1763700003200-mirror.js';
import { auditHash, genesisHash } from '../../dist/ledger/audit-chain.js';
import { hasPostgres, startPostgres } from '../testing/postgres.js';

const migrations = [
  FirstTables1763600000000,
  Ledger1763700003000,
  Webhooks1763700003100,
  Mirror1763700003200,
];

interface Row {
  readonly seq: number | string;
  readonly namespace: string;
  readonly prev_hash: string;
  readonly hash: string;
}

async function upAndDown(options: DataSourceOptions): Promise<void> {
  const first = await new DataSource({ ...options, migrations: migrations.slice(0, 1) }).initialize();
  await first.runMigrations();
  // With a gap, as a transaction that was rolled back leaves on PostgreSQL.
  for (const seq of [1, 2, 5]) {
    await first.query(
      `INSERT INTO audit (seq, at, actor, action, target, detail) VALUES (${seq}, 't', 'a', 'x', 'acme/b@1', '{"n": ${seq}}')`,
    );
  }
  const source = await new DataSource({ ...options, migrations }).initialize();
  try {
    await source.runMigrations();
    const rows: Row[] = await source.query('SELECT seq, namespace, prev_hash, hash FROM audit ORDER BY seq');
    expect(rows).toHaveLength(3);
    let prevHash = genesisHash;
    for (const row of rows) {
      const seq = Number(row.seq);
      const facts = {
        at: 't',
        actor: 'a',
        action: 'x',
        target: 'acme/b@1',
        namespace: 'acme',
        detail: { n: seq },
      };
      expect(row).toMatchObject({
        namespace: 'acme',
        prev_hash: prevHash,
        hash: auditHash(prevHash, { seq, ...facts }),
      });
      prevHash = row.hash;
    }
    await expect(source.query(`UPDATE audit SET actor = 'b'`)).rejects.toThrow('insert-only');
    for (let undone = 1; undone < migrations.length; undone += 1) await source.undoLastMigration();
    await expect(source.query(`DELETE FROM audit`)).rejects.toThrow('insert-only');
    await source.runMigrations();
    expect(await source.query('SELECT hash FROM audit ORDER BY seq DESC LIMIT 1')).toEqual([
      { hash: prevHash },
    ]);
  } finally {
    await source.destroy();
    await first.destroy();
  }
}

it('chains what the audit had before, and can be undone, on SQLite', async () => {
  await using folder = await temporaryFolder();
  await upAndDown({ type: 'better-sqlite3', database: join(folder.path, 'catalog.db') });
});

it.runIf(hasPostgres)('the same on PostgreSQL', async () => {
  await using postgres = await startPostgres();
  await upAndDown({ type: 'postgres', url: postgres.url, installExtensions: false });
});

async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'migration-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
