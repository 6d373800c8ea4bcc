import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Webhooks, their deliveries, and leases on work that one catalog at a time does. */
export class Webhooks1763700003100 implements MigrationInterface {
  readonly name = 'Webhooks1763700003100';

  async up(runner: QueryRunner): Promise<void> {
    const isPostgres = runner.dataSource.options.type === 'postgres';
    const text = isPostgres ? 'text COLLATE "C"' : 'text';
    const long = isPostgres ? 'bigint' : 'integer';
    const statements = [
      `CREATE TABLE webhook (
        id ${text} PRIMARY KEY NOT NULL, namespace ${text} NOT NULL REFERENCES namespace (name), url ${text} NOT NULL,
        secret ${text} NOT NULL, events ${text} NOT NULL, is_active integer NOT NULL, position ${long} NOT NULL,
        created_by ${text} NOT NULL, created_at ${text} NOT NULL)`,
      'CREATE INDEX webhook_by_namespace ON webhook (namespace, id)',
      `CREATE TABLE webhook_delivery (
        id ${text} PRIMARY KEY NOT NULL, webhook_id ${text} NOT NULL REFERENCES webhook (id) ON DELETE CASCADE,
        seq ${long} NOT NULL, kind ${text} NOT NULL, body ${text} NOT NULL, state ${text} NOT NULL,
        attempts integer NOT NULL, give_up_at ${text} NOT NULL, next_at ${text} NOT NULL, last_status integer,
        last_error ${text}, tried_at ${text}, created_at ${text} NOT NULL, UNIQUE (webhook_id, seq))`,
      `CREATE INDEX webhook_delivery_due ON webhook_delivery (next_at) WHERE state = 'pending'`,
      `CREATE INDEX webhook_delivery_done ON webhook_delivery (tried_at) WHERE state <> 'pending'`,
      `CREATE TABLE lease (name ${text} PRIMARY KEY NOT NULL, holder ${text} NOT NULL, until ${text} NOT NULL)`,
    ];
    for (const statement of statements) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ['lease', 'webhook_delivery', 'webhook']) await runner.query(`DROP TABLE ${table}`);
  }
}
