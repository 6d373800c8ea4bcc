import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The text that the first form of search looked through; the search index has taken its place. */
export class NoSearchText1763700004100 implements MigrationInterface {
  readonly name = 'NoSearchText1763700004100';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE proxylet DROP COLUMN search_text');
  }

  async down(runner: QueryRunner): Promise<void> {
    const isPostgres = runner.dataSource.options.type === 'postgres';
    const text = isPostgres ? 'text COLLATE "C"' : 'text';
    await runner.query(`ALTER TABLE proxylet ADD COLUMN search_text ${text} NOT NULL DEFAULT ''`);
  }
}
