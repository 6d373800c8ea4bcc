import type { MigrationInterface, QueryRunner } from 'typeorm';

/** How the request of an audit entry came. Rows from before have none, and their hashes stay as they are. */
export class AuditVia1763700005000 implements MigrationInterface {
  readonly name = 'AuditVia1763700005000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE audit ADD COLUMN via text');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE audit DROP COLUMN via');
  }
}
