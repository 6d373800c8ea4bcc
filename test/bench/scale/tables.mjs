import { createRequire } from 'node:module';
import { join } from 'node:path';
import { inWorkspace } from '@proxylet/testing';

const catalogRequire = createRequire(inWorkspace('apps/catalog/package.json'));
/** Parents before children. */
const order = [
  'namespace',
  'namespace_member',
  'namespace_skeleton',
  'blob',
  'proxylet',
  'version',
  'version_state',
  'dependency',
  'version_capability',
  'version_file',
  'popularity',
  'search_word',
  'search_variant',
  'search_posting',
  'search_facet',
  'search_doc',
];

/** Tables to fill in bulk: `insert({ table: rows })` is one transaction. */
export async function openTables({ url, folder }) {
  return url === undefined ? sqlite(join(folder, 'catalog.db')) : await postgres(url);
}

function sqlite(file) {
  const Sqlite = catalogRequire('better-sqlite3');
  const connection = new Sqlite(file);
  for (const pragma of [
    'journal_mode = WAL',
    'synchronous = OFF',
    'cache_size = -600000',
    'foreign_keys = OFF',
  ])
    connection.pragma(pragma);
  // Built at the end, sorted, in a fraction of the time.
  const indexes = connection
    .prepare(`SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL`)
    .all();
  for (const { name } of indexes) connection.exec(`DROP INDEX ${name}`);
  const prepared = new Map();
  const insertAll = connection.transaction((rows) => {
    for (const table of order) {
      for (const row of rows[table] ?? []) {
        const names = Object.keys(row);
        const key = `${table} ${names.join(' ')}`;
        if (!prepared.has(key)) {
          const marks = names.map(() => '?').join(', ');
          prepared.set(
            key,
            connection.prepare(`INSERT INTO ${table} (${names.join(', ')}) VALUES (${marks})`),
          );
        }
        prepared.get(key).run(...Object.values(row));
      }
    }
  });
  return {
    insert: async (rows) => insertAll(rows),
    close: async () => {
      for (const { sql } of indexes) connection.exec(sql);
      connection.exec('ANALYZE');
      connection.pragma('wal_checkpoint(TRUNCATE)');
      connection.close();
    },
  };
}

async function postgres(url) {
  const { Client } = catalogRequire('pg');
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query('SET synchronous_commit = off');
  const { rows: indexes } = await client.query(
    `SELECT i.indexname, i.indexdef FROM pg_indexes i WHERE i.schemaname = 'public'
     AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conname = i.indexname)`,
  );
  for (const { indexname } of indexes) await client.query(`DROP INDEX ${indexname}`);
  return {
    insert: async (rows) => {
      await client.query('BEGIN');
      for (const table of order.filter((name) => rows[name] !== undefined)) {
        const names = Object.keys(rows[table][0]).join(', ');
        await client.query(
          `INSERT INTO ${table} (${names}) SELECT ${names} FROM json_populate_recordset(null::${table}, $1)`,
          [JSON.stringify(rows[table])],
        );
      }
      await client.query('COMMIT');
    },
    close: async () => {
      for (const table of ['proxylet', 'version', 'version_state', 'search_word'])
        await client.query(
          `SELECT setval(pg_get_serial_sequence('${table}', 'id'), (SELECT MAX(id) FROM ${table}))`,
        );
      for (const { indexdef } of indexes) await client.query(indexdef);
      await client.query('VACUUM ANALYZE');
      await client.end();
    },
  };
}
