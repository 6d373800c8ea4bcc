import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A token this catalog handed out. The secret itself is nowhere kept. */
@Entity('publish_token')
export class PublishTokenRow {
  @PrimaryColumn('text')
  id!: string;

  /** Hex SHA-256 of the secret; unique. */
  @Column('text')
  sha256!: string;

  /** First characters of the secret, to tell tokens apart. */
  @Column('text')
  prefix!: string;

  @Column('text')
  label!: string;

  /** Key of the principal who made it, and whose rights bound it. */
  @Column('text')
  owner!: string;

  /** `namespace/id` of the trust policy it was given under. */
  @Column('text', { nullable: true })
  policy!: string | null;

  /** JSON list of `TokenAction`. */
  @Column('text')
  actions!: string;

  /** JSON list of `namespace/*` and `namespace/name`. */
  @Column('text')
  resources!: string;

  /** JSON list of address ranges it may be used from; empty for all. */
  @Column('text')
  cidrs!: string;

  @Column('text', { name: 'created_at' })
  createdAt!: string;

  @Column('text', { name: 'expires_at' })
  expiresAt!: string;

  /** To the minute. */
  @Column('text', { name: 'last_used_at', nullable: true })
  lastUsedAt!: string | null;

  @Column('text', { name: 'revoked_at', nullable: true })
  revokedAt!: string | null;
}

/** Which identity tokens of a CI may be exchanged for publish tokens of a namespace. */
@Entity('trust_policy')
export class TrustPolicyRow {
  @PrimaryColumn('text')
  namespace!: string;

  @PrimaryColumn('text')
  id!: string;

  @Column('text')
  issuer!: string;

  @Column('text')
  audience!: string;

  /** JSON of `ClaimRules`. */
  @Column('text')
  claims!: string;

  /** JSON list of `TokenAction`. */
  @Column('text')
  actions!: string;

  /** JSON list of names within the namespace, or of `*` alone. */
  @Column('text')
  proxylets!: string;

  @Column('text', { name: 'created_by' })
  createdBy!: string;

  @Column('text', { name: 'created_at' })
  createdAt!: string;
}

/** Identity tokens that were exchanged, until they could not be any more. */
@Entity('used_token')
export class UsedTokenRow {
  /** Hex SHA-256 of issuer and `jti`. */
  @PrimaryColumn('text')
  sha256!: string;

  @Column('text', { name: 'expires_at' })
  expiresAt!: string;
}
