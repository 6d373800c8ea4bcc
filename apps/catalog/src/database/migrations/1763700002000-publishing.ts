import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Life of blobs, files and capabilities of versions, uploads under way, quotas. */
export class Publishing1763700002000 implements MigrationInterface {
  readonly name = 'Publishing1763700002000';

  async up(runner: QueryRunner): Promise<void> {
    const isPostgres = runner.dataSource.options.type === 'postgres';
    for (const statement of columns(isPostgres)) await runner.query(statement);
    for (const statement of tables(isPostgres)) await runner.query(statement);
    for (const statement of fill(isPostgres)) await runner.query(statement);
    for (const statement of triggers(isPostgres)) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    const names = ['upload_part', 'upload', 'namespace_quota', 'namespace_use', ...insertOnly];
    for (const name of names) await runner.query(`DROP TABLE ${name}`);
    await runner.query('DROP INDEX blob_being_deleted');
    await runner.query('DROP INDEX blob_by_storage_key');
    for (const column of ['storage_key', 'state', 'lease_until', 'last_ref_at'])
      await runner.query(`ALTER TABLE blob DROP COLUMN ${column}`);
    await runner.query('ALTER TABLE version DROP COLUMN warnings');
  }
}

const insertOnly = ['version_file', 'version_capability'] as const;

function textOf(isPostgres: boolean): string {
  return isPostgres ? 'text COLLATE "C"' : 'text';
}

function columns(isPostgres: boolean): string[] {
  const text = textOf(isPostgres);
  return [
    `ALTER TABLE blob ADD COLUMN storage_key ${text}`,
    `ALTER TABLE blob ADD COLUMN state ${text} NOT NULL DEFAULT 'live'`,
    `ALTER TABLE blob ADD COLUMN lease_until ${text}`,
    `ALTER TABLE blob ADD COLUMN last_ref_at ${text} NOT NULL DEFAULT ''`,
    'CREATE UNIQUE INDEX blob_by_storage_key ON blob (storage_key)',
    `CREATE INDEX blob_being_deleted ON blob (lease_until) WHERE state = 'deleting'`,
    `ALTER TABLE version ADD COLUMN warnings ${text} NOT NULL DEFAULT '[]'`,
  ];
}

function tables(isPostgres: boolean): string[] {
  const text = `${textOf(isPostgres)} NOT NULL`;
  return [
    `CREATE TABLE version_file (
      version_id integer NOT NULL REFERENCES version (id), path ${text}, size_bytes integer NOT NULL, sha256 ${text},
      PRIMARY KEY (version_id, path))`,
    'CREATE INDEX version_file_by_sha256 ON version_file (sha256)',
    `CREATE TABLE version_capability (
      version_id integer NOT NULL REFERENCES version (id), capability ${text}, range ${text},
      PRIMARY KEY (version_id, capability))`,
    'CREATE INDEX version_capability_by_name ON version_capability (capability, version_id)',
    `CREATE TABLE namespace_use (
      namespace ${text} PRIMARY KEY REFERENCES namespace (name), bytes bigint NOT NULL, proxylets integer NOT NULL,
      versions integer NOT NULL, hour ${text}, hour_versions integer NOT NULL)`,
    `CREATE TABLE namespace_quota (
      namespace ${text} PRIMARY KEY REFERENCES namespace (name), bytes bigint, proxylets integer, versions integer,
      publishes_per_hour integer, uploads integer)`,
    `CREATE TABLE upload (
      id ${text} PRIMARY KEY, namespace ${text} REFERENCES namespace (name), name ${text}, principal ${text}, digest ${text},
      size_bytes integer NOT NULL, offset_bytes integer NOT NULL, created_at ${text}, expires_at ${text})`,
    'CREATE INDEX upload_by_namespace ON upload (namespace, expires_at)',
    'CREATE INDEX upload_by_expiry ON upload (expires_at)',
    `CREATE TABLE upload_part (
      upload_id ${text}, offset_bytes integer NOT NULL, size_bytes integer NOT NULL, storage_key ${text} UNIQUE,
      PRIMARY KEY (upload_id, offset_bytes))`,
  ];
}

/** What versions published before say of themselves. */
function fill(isPostgres: boolean): string[] {
  const capabilities = isPostgres
    ? `json_array_elements_text(v.facts::json -> 'capabilities') AS c (value)`
    : `json_each(v.facts, '$.capabilities') AS c`;
  const files = isPostgres
    ? `SELECT v.id, f.path, f."sizeBytes", f.sha256
       FROM version v, json_to_recordset(v.files::json) AS f (path text, "sizeBytes" integer, sha256 text)`
    : `SELECT v.id, f.value ->> 'path', f.value ->> 'sizeBytes', f.value ->> 'sha256'
       FROM version v, json_each(v.files) AS f`;
  // The condition that is always true keeps SQLite from reading ON as part of the join.
  const at = isPostgres ? `position('@' in c.value)` : `instr(c.value, '@')`;
  return [
    `UPDATE blob SET last_ref_at = stored_at,
       storage_key = 'sha256/' || substr(digest, 8, 2) || '/' || substr(digest, 8)`,
    `INSERT INTO version_file (version_id, path, size_bytes, sha256) ${files}`,
    `INSERT INTO version_capability (version_id, capability, range)
     SELECT v.id,
       CASE WHEN ${at} = 0 THEN c.value ELSE substr(c.value, 1, ${at} - 1) END,
       CASE WHEN ${at} = 0 THEN '*' ELSE substr(c.value, ${at} + 1) END
     FROM version v, ${capabilities} WHERE 1 = 1 ON CONFLICT DO NOTHING`,
    `INSERT INTO namespace_use (namespace, bytes, proxylets, versions, hour, hour_versions)
     SELECT p.namespace, SUM(v.size_bytes), COUNT(DISTINCT p.id), COUNT(v.id), '', 0
     FROM proxylet p JOIN version v ON v.proxylet_id = p.id GROUP BY p.namespace`,
  ];
}

function triggers(isPostgres: boolean): string[] {
  if (isPostgres) {
    return insertOnly.map(
      (table) =>
        `CREATE TRIGGER ${table}_insert_only BEFORE UPDATE OR DELETE ON ${table}
         FOR EACH ROW EXECUTE FUNCTION refuse_change()`,
    );
  }
  return insertOnly.flatMap((table) =>
    ['UPDATE', 'DELETE'].map(
      (event) =>
        `CREATE TRIGGER ${table}_no_${event.toLowerCase()} BEFORE ${event} ON ${table}
         BEGIN SELECT RAISE(ABORT, '${table} is insert-only'); END`,
    ),
  );
}
