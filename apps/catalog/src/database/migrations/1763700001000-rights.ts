import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Visibility, severity of states, publish tokens, trust policies. */
export class Rights1763700001000 implements MigrationInterface {
  readonly name = 'Rights1763700001000';

  async up(runner: QueryRunner): Promise<void> {
    const isPostgres = runner.dataSource.options.type === 'postgres';
    const text = isPostgres ? 'text COLLATE "C"' : 'text';
    for (const statement of statements(text)) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ['used_token', 'trust_policy', 'publish_token'])
      await runner.query(`DROP TABLE ${table}`);
    await runner.query('DROP INDEX namespace_member_by_principal');
    await runner.query('ALTER TABLE version_state DROP COLUMN severity');
    await runner.query('ALTER TABLE proxylet DROP COLUMN visibility');
    await runner.query('ALTER TABLE namespace DROP COLUMN default_visibility');
  }
}

function statements(text: string): string[] {
  return [
    `ALTER TABLE namespace ADD COLUMN default_visibility ${text} NOT NULL DEFAULT 'public'`,
    `ALTER TABLE proxylet ADD COLUMN visibility ${text} NOT NULL DEFAULT 'public'`,
    `ALTER TABLE version_state ADD COLUMN severity ${text}`,
    'CREATE INDEX namespace_member_by_principal ON namespace_member (principal, namespace)',
    `CREATE TABLE publish_token (
      id ${text} NOT NULL PRIMARY KEY, sha256 ${text} NOT NULL UNIQUE, prefix ${text} NOT NULL, label ${text} NOT NULL,
      owner ${text} NOT NULL, policy ${text}, actions ${text} NOT NULL, resources ${text} NOT NULL, cidrs ${text} NOT NULL,
      created_at ${text} NOT NULL, expires_at ${text} NOT NULL, last_used_at ${text}, revoked_at ${text})`,
    'CREATE INDEX publish_token_by_owner ON publish_token (owner, id)',
    'CREATE INDEX publish_token_by_policy ON publish_token (policy)',
    'CREATE INDEX publish_token_by_expiry ON publish_token (expires_at)',
    `CREATE TABLE trust_policy (
      namespace ${text} NOT NULL REFERENCES namespace (name), id ${text} NOT NULL, issuer ${text} NOT NULL,
      audience ${text} NOT NULL, claims ${text} NOT NULL, actions ${text} NOT NULL, proxylets ${text} NOT NULL,
      created_by ${text} NOT NULL, created_at ${text} NOT NULL, PRIMARY KEY (namespace, id))`,
    'CREATE INDEX trust_policy_by_issuer ON trust_policy (issuer)',
    `CREATE TABLE used_token (sha256 ${text} NOT NULL PRIMARY KEY, expires_at ${text} NOT NULL)`,
    'CREATE INDEX used_token_by_expiry ON used_token (expires_at)',
  ];
}
