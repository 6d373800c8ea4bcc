import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Whether a word fits a proxylet is looked up by word, whose rows lie together, and not by proxylet: a search that
 * needs several words looks at a thousand proxylets and a few pages. Which words a proxylet has is kept with it.
 * The index is made anew at the next start.
 */
export class SearchByWord1763700004200 implements MigrationInterface {
  readonly name = 'SearchByWord1763700004200';

  async up(runner: QueryRunner): Promise<void> {
    await clear(runner);
    await runner.query('DROP INDEX search_posting_by_proxylet');
    await runner.query('CREATE UNIQUE INDEX search_posting_by_word ON search_posting (word_id, proxylet_id)');
    await runner.query(`ALTER TABLE search_doc ADD COLUMN words text NOT NULL DEFAULT '[]'`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await clear(runner);
    await runner.query('ALTER TABLE search_doc DROP COLUMN words');
    await runner.query('DROP INDEX search_posting_by_word');
    await runner.query(
      'CREATE UNIQUE INDEX search_posting_by_proxylet ON search_posting (proxylet_id, word_id)',
    );
  }
}

async function clear(runner: QueryRunner): Promise<void> {
  for (const table of ['search_posting', 'search_doc']) await runner.query(`DELETE FROM ${table}`);
}
