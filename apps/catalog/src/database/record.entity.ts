import type { Digest } from '@proxylet/contract';
import { Column, Entity, PrimaryColumn, PrimaryGeneratedColumn } from 'typeorm';

/** An artifact that was durable in the blob store before this row came. */
@Entity('blob')
export class BlobRow {
  @PrimaryColumn('text')
  digest!: Digest;

  @Column('integer', { name: 'size_bytes' })
  sizeBytes!: number;

  @Column('text', { name: 'stored_at' })
  storedAt!: string;
}

/** Append-only; every mutation writes one in its own transaction. */
@Entity('audit')
export class AuditRow {
  @PrimaryGeneratedColumn('increment', { type: 'bigint' })
  seq!: string;

  @Column('text')
  at!: string;

  @Column('text')
  actor!: string;

  @Column('text')
  action!: string;

  @Column('text')
  target!: string;

  /** JSON of what is worth knowing besides; never a secret. */
  @Column('text')
  detail!: string;
}

/** Answers given under an `Idempotency-Key`, by caller. */
@Entity('idempotency')
export class IdempotencyRow {
  @PrimaryColumn('text')
  principal!: string;

  @PrimaryColumn('text')
  key!: string;

  /** SHA-256 of the request: address and digest of the body. */
  @Column('text')
  fingerprint!: string;

  @Column('text', { name: 'created_at' })
  createdAt!: string;
}
