import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Which key the secrets in this database are sealed under; the catalog seals them when it starts. */
export class Sealing1763700005300 implements MigrationInterface {
  readonly name = 'Sealing1763700005300';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      'CREATE TABLE sealing_key (id integer PRIMARY KEY NOT NULL, key_id text NOT NULL, since text NOT NULL)',
    );
  }

  /** Secrets stay sealed: an older catalog signs with what it finds, which no receiver takes. */
  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE sealing_key');
  }
}
