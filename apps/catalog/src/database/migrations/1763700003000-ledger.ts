import { randomUUID } from 'node:crypto';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { auditHash, genesisHash, namespaceOfTarget } from '../../ledger/audit-chain.js';
import type { Json } from '../../ledger/canonical-json.js';

/** Rows the audit had before it was chained, read and hashed so many at a time. */
const batchRows = 500;

/** Chains the audit by hash; adds the change feed. */
export class Ledger1763700003000 implements MigrationInterface {
  readonly name = 'Ledger1763700003000';

  async up(runner: QueryRunner): Promise<void> {
    const isPostgres = runner.dataSource.options.type === 'postgres';
    for (const column of ['namespace', 'prev_hash', 'hash']) {
      await runner.query(`ALTER TABLE audit ADD COLUMN ${column} text NOT NULL DEFAULT ''`);
    }
    await lift(runner, isPostgres);
    await chainOldRows(runner, isPostgres);
    await guard(runner, isPostgres);
    await runner.query('CREATE INDEX audit_by_namespace ON audit (namespace, seq)');
    await addFeed(runner, isPostgres);
  }

  async down(runner: QueryRunner): Promise<void> {
    const isPostgres = runner.dataSource.options.type === 'postgres';
    await runner.query('DROP TABLE change');
    await runner.query('DROP TABLE feed');
    if (isPostgres) await runner.query('DROP FUNCTION notify_change()');
    await runner.query('DROP INDEX audit_by_namespace');
    await lift(runner, isPostgres);
    for (const column of ['namespace', 'prev_hash', 'hash']) {
      await runner.query(`ALTER TABLE audit DROP COLUMN ${column}`);
    }
    await guard(runner, isPostgres);
  }
}

/** Takes the triggers off that keep the audit insert-only. */
async function lift(runner: QueryRunner, isPostgres: boolean): Promise<void> {
  if (isPostgres) return void (await runner.query('DROP TRIGGER audit_insert_only ON audit'));
  for (const event of ['update', 'delete']) await runner.query(`DROP TRIGGER audit_no_${event}`);
}

/** Puts them back as the first migration made them. */
async function guard(runner: QueryRunner, isPostgres: boolean): Promise<void> {
  if (isPostgres) {
    await runner.query(
      `CREATE TRIGGER audit_insert_only BEFORE UPDATE OR DELETE ON audit
       FOR EACH ROW EXECUTE FUNCTION refuse_change()`,
    );
    return;
  }
  for (const event of ['update', 'delete']) {
    await runner.query(
      `CREATE TRIGGER audit_no_${event} BEFORE ${event.toUpperCase()} ON audit
       BEGIN SELECT RAISE(ABORT, 'audit is insert-only'); END`,
    );
  }
}

interface OldRow {
  readonly seq: number | string;
  readonly at: string;
  readonly actor: string;
  readonly action: string;
  readonly target: string;
  readonly detail: string;
}

async function chainOldRows(runner: QueryRunner, isPostgres: boolean): Promise<void> {
  const mark = isPostgres ? (index: number) => `$${index}` : () => '?';
  let prevHash = genesisHash;
  let last = 0;
  for (;;) {
    const rows: OldRow[] = await runner.query(
      `SELECT seq, at, actor, action, target, detail FROM audit WHERE seq > ${mark(1)} ORDER BY seq LIMIT ${batchRows}`,
      [last],
    );
    for (const row of rows) {
      last = Number(row.seq);
      const namespace = namespaceOfTarget(row.target);
      const detail = JSON.parse(row.detail) as Json;
      const { at, actor, action, target } = row;
      const hash = auditHash(prevHash, { seq: last, at, actor, action, target, namespace, detail });
      await runner.query(
        `UPDATE audit SET namespace = ${mark(1)}, prev_hash = ${mark(2)}, hash = ${mark(3)} WHERE seq = ${mark(4)}`,
        [namespace, prevHash, hash, last],
      );
      prevHash = hash;
    }
    if (rows.length < batchRows) return;
  }
}

async function addFeed(runner: QueryRunner, isPostgres: boolean): Promise<void> {
  const text = isPostgres ? 'text COLLATE "C"' : 'text';
  const long = isPostgres ? 'bigint' : 'integer';
  await runner.query(
    `CREATE TABLE change (
      seq ${long} PRIMARY KEY NOT NULL, kind ${text} NOT NULL, key ${text} NOT NULL, namespace ${text} NOT NULL,
      proxylet ${text}, shown_as ${text}, digest ${text}, at ${text} NOT NULL, data ${text} NOT NULL)`,
  );
  await runner.query('CREATE INDEX change_by_namespace ON change (namespace, seq)');
  await runner.query(`CREATE TABLE feed (id integer PRIMARY KEY NOT NULL, epoch ${text} NOT NULL)`);
  await runner.query(`INSERT INTO feed (id, epoch) VALUES (1, '${randomUUID()}')`);
  if (!isPostgres) {
    await runner.query(
      `CREATE TRIGGER change_no_update BEFORE UPDATE ON change
       BEGIN SELECT RAISE(ABORT, 'change is insert-only'); END`,
    );
    return;
  }
  await runner.query(
    `CREATE TRIGGER change_no_update BEFORE UPDATE ON change FOR EACH ROW EXECUTE FUNCTION refuse_change()`,
  );
  // Sent when the transaction commits, to every catalog on this database.
  await runner.query(
    `CREATE FUNCTION notify_change() RETURNS trigger LANGUAGE plpgsql AS
     $$ BEGIN PERFORM pg_notify('proxylet_change', ''); RETURN NULL; END $$`,
  );
  await runner.query(
    `CREATE TRIGGER change_notify AFTER INSERT ON change FOR EACH STATEMENT EXECUTE FUNCTION notify_change()`,
  );
}
