import { Column, Entity, PrimaryColumn } from 'typeorm';

export const signingKeyStates = ['active', 'retired', 'revoked'] as const;
/** Retired: signs nothing more, what it signed stays signed. Revoked: what it signed is not signed by it any more. */
export type SigningKeyState = (typeof signingKeyStates)[number];

/** A key that publishers of a namespace sign with. Never deleted: signatures by it are told apart by its state. */
@Entity('signing_key')
export class SigningKeyRow {
  @PrimaryColumn('text')
  namespace!: string;

  @PrimaryColumn('text', { name: 'key_id' })
  keyId!: string;

  /** Hex of the 32 bytes. */
  @Column('text', { name: 'public_key' })
  publicKey!: string;

  @Column('text')
  label!: string;

  @Column('text')
  state!: SigningKeyState;

  /** Why it was retired or revoked; empty before. */
  @Column('text')
  reason!: string;

  @Column('text', { name: 'created_at' })
  createdAt!: string;

  @Column('text', { name: 'changed_at' })
  changedAt!: string;
}

/** A publisher's signature of a version; insert-only. */
@Entity('version_signature')
export class VersionSignatureRow {
  @PrimaryColumn('integer', { name: 'version_id' })
  versionId!: number;

  @PrimaryColumn('text', { name: 'key_id' })
  keyId!: string;

  /** JSON of the DSSE envelope as it was sent. */
  @Column('text')
  envelope!: string;

  @Column('text', { name: 'signed_at' })
  signedAt!: string;
}
