import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Keys and documents of signed metadata. */
export class SignedMetadata1763700005500 implements MigrationInterface {
  readonly name = 'SignedMetadata1763700005500';

  async up(runner: QueryRunner): Promise<void> {
    const isPostgres = runner.dataSource.options.type === 'postgres';
    const text = isPostgres ? 'text COLLATE "C"' : 'text';
    const statements = [
      `CREATE TABLE tuf_key (role ${text} PRIMARY KEY NOT NULL, secret ${text} NOT NULL, created_at ${text} NOT NULL)`,
      `CREATE TABLE tuf_document (
        name ${text} NOT NULL, version integer NOT NULL, body ${text} NOT NULL, made_at ${text} NOT NULL,
        PRIMARY KEY (name, version))`,
      `CREATE TABLE tuf_state (
        id integer PRIMARY KEY NOT NULL, seq ${isPostgres ? 'bigint' : 'integer'} NOT NULL, epoch ${text} NOT NULL)`,
    ];
    for (const statement of statements) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ['tuf_state', 'tuf_document', 'tuf_key']) await runner.query(`DROP TABLE ${table}`);
  }
}
