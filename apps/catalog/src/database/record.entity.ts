import type { Digest } from '@proxylet/contract';
import { Column, Entity, PrimaryColumn } from 'typeorm';

/** An artifact that was durable in the blob store before this row came. */
@Entity('blob')
export class BlobRow {
  @PrimaryColumn('text')
  digest!: Digest;

  @Column('integer', { name: 'size_bytes' })
  sizeBytes!: number;

  @Column('text', { name: 'stored_at' })
  storedAt!: string;

  /** Where its bytes lie in the store; null: by its digest alone, as before keys had generations. */
  @Column('text', { name: 'storage_key', nullable: true })
  storageKey!: string | null;

  /** `deleting`: nothing refers to it and its bytes may be gone; the row stays until no put can still mean them. */
  @Column('text', { default: 'live' })
  state!: 'live' | 'deleting';

  @Column('text', { name: 'lease_until', nullable: true })
  leaseUntil!: string | null;

  @Column('text', { name: 'last_ref_at', default: '' })
  lastRefAt!: string;
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
