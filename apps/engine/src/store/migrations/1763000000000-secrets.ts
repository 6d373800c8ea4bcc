import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Sealed secrets of installations; the keys lie elsewhere. */
export class Secrets1763000000000 implements MigrationInterface {
  readonly name = 'Secrets1763000000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`CREATE TABLE "secrets" (
      "installation_id" text NOT NULL, "name" text NOT NULL, "key_id" text NOT NULL, "sealed" text NOT NULL,
      "created_at_ms" integer NOT NULL, "changed_at_ms" integer NOT NULL, "changed_by" text NOT NULL,
      PRIMARY KEY ("installation_id", "name")
    )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE "secrets"');
  }
}
