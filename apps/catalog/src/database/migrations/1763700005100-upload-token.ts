import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The publish token an upload was opened with; empty where its owner came in person. */
export class UploadToken1763700005100 implements MigrationInterface {
  readonly name = 'UploadToken1763700005100';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE upload ADD COLUMN token_id text NOT NULL DEFAULT ''`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE upload DROP COLUMN token_id');
  }
}
