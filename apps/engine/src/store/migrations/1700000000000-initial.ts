import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Installations and opened egress origins. */
export class Initial1700000000000 implements MigrationInterface {
  readonly name = 'Initial1700000000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`CREATE TABLE "installations" (
      "id" text PRIMARY KEY NOT NULL,
      "owner_key" text NOT NULL, "owner_issuer" text NOT NULL, "owner_subject" text NOT NULL,
      "name" text NOT NULL, "version" text NOT NULL, "digest" text NOT NULL, "size_bytes" integer NOT NULL,
      "generation" integer NOT NULL, "manifest" text NOT NULL, "granted" text NOT NULL, "config" text,
      "consented_by" text NOT NULL, "is_direct" boolean NOT NULL, "services" text NOT NULL,
      "state" text NOT NULL, "reason" text NOT NULL, "since_ms" integer NOT NULL,
      "previous" text, "created_at_ms" integer NOT NULL, "updated_at_ms" integer NOT NULL,
      CONSTRAINT "installations_owner_name" UNIQUE ("owner_key", "name")
    )`);
    await runner.query(`CREATE TABLE "egress_rules" (
      "origin" text PRIMARY KEY NOT NULL, "proxylets" text NOT NULL,
      "changed_by" text NOT NULL, "changed_at_ms" integer NOT NULL
    )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE "egress_rules"');
    await runner.query('DROP TABLE "installations"');
  }
}
