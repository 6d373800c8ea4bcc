import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What a catalog keeps of the one it mirrors. */
export class Mirror1763700003200 implements MigrationInterface {
  readonly name = 'Mirror1763700003200';

  async up(runner: QueryRunner): Promise<void> {
    const isPostgres = runner.dataSource.options.type === 'postgres';
    const text = isPostgres ? 'text COLLATE "C" NOT NULL' : 'text NOT NULL';
    const long = isPostgres ? 'bigint NOT NULL' : 'integer NOT NULL';
    await runner.query(
      `CREATE TABLE mirror_namespace (name ${text} PRIMARY KEY REFERENCES namespace (name))`,
    );
    await runner.query(
      `CREATE TABLE mirror_item (kind ${text}, name ${text}, as_of ${long}, PRIMARY KEY (kind, name))`,
    );
    await runner.query(
      `CREATE TABLE mirror_state (
        id integer PRIMARY KEY NOT NULL, upstream ${text}, epoch ${text}, position ${long}, fresh_until ${text})`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ['mirror_state', 'mirror_item', 'mirror_namespace'])
      await runner.query(`DROP TABLE ${table}`);
  }
}
