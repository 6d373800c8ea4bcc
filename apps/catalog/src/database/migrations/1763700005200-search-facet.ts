import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Lists by runtime or capability run through the proxylets that have it, in the order of their names. Without these
 * rows a list by what one of a hundred has would look at a hundred proxylets for each that it shows.
 */
export class SearchFacet1763700005200 implements MigrationInterface {
  readonly name = 'SearchFacet1763700005200';

  async up(runner: QueryRunner): Promise<void> {
    const isPostgres = runner.dataSource.options.type === 'postgres';
    const text = isPostgres ? 'text COLLATE "C" NOT NULL' : 'text NOT NULL';
    const clustered = isPostgres ? '' : ' WITHOUT ROWID';
    await runner.query(`CREATE TABLE search_facet (
      word_id integer NOT NULL, namespace ${text}, name ${text}, proxylet_id integer NOT NULL,
      PRIMARY KEY (word_id, namespace, name))${clustered}`);
    await runner.query(`INSERT INTO search_facet (word_id, namespace, name, proxylet_id)
      SELECT x.word_id, p.namespace, p.name, p.id FROM search_word w
      JOIN search_posting x ON x.word_id = w.id JOIN proxylet p ON p.id = x.proxylet_id
      WHERE w.word LIKE '#r:%' OR w.word LIKE '#c:%'`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE search_facet');
  }
}
