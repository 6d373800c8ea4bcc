import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Keys that publishers sign with, and their signatures. */
export class Provenance1763700005400 implements MigrationInterface {
  readonly name = 'Provenance1763700005400';

  async up(runner: QueryRunner): Promise<void> {
    const isPostgres = runner.dataSource.options.type === 'postgres';
    const text = isPostgres ? 'text COLLATE "C"' : 'text';
    await runner.query(
      `CREATE TABLE signing_key (
        namespace ${text} NOT NULL REFERENCES namespace (name), key_id ${text} NOT NULL, public_key ${text} NOT NULL,
        label ${text} NOT NULL, state ${text} NOT NULL, reason ${text} NOT NULL, created_at ${text} NOT NULL,
        changed_at ${text} NOT NULL, PRIMARY KEY (namespace, key_id))`,
    );
    await runner.query(
      `CREATE TABLE version_signature (
        version_id integer NOT NULL REFERENCES version (id), key_id ${text} NOT NULL, envelope ${text} NOT NULL,
        signed_at ${text} NOT NULL, PRIMARY KEY (version_id, key_id))`,
    );
    await guard(runner, isPostgres);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ['version_signature', 'signing_key']) await runner.query(`DROP TABLE ${table}`);
  }
}

/** A signature that was given never changes. */
async function guard(runner: QueryRunner, isPostgres: boolean): Promise<void> {
  if (isPostgres) {
    await runner.query(
      `CREATE TRIGGER version_signature_insert_only BEFORE UPDATE OR DELETE ON version_signature
       FOR EACH ROW EXECUTE FUNCTION refuse_change()`,
    );
    return;
  }
  for (const event of ['update', 'delete']) {
    await runner.query(
      `CREATE TRIGGER version_signature_no_${event} BEFORE ${event.toUpperCase()} ON version_signature
       BEGIN SELECT RAISE(ABORT, 'version_signature is insert-only'); END`,
    );
  }
}
