import type { Visibility } from '@proxylet/contract';
import { Column, Entity, PrimaryColumn } from 'typeorm';

/** SQLite gives numbers, PostgreSQL text; a ledger stays below 2^53. */
const whole = { from: Number, to: (value: number | undefined) => value };

/** Append-only; every mutation writes one in its own transaction. Each row's hash covers the row before. */
@Entity('audit')
export class AuditRow {
  /** Given under a lock in the order of commits, without gaps. */
  @PrimaryColumn('bigint', { transformer: whole })
  seq!: number;

  @Column('text')
  at!: string;

  @Column('text')
  actor!: string;

  @Column('text')
  action!: string;

  @Column('text')
  target!: string;

  /** Whose owners may read the row; empty where it is nobody's. */
  @Column('text')
  namespace!: string;

  /** Canonical JSON of what is worth knowing besides; never a secret. */
  @Column('text')
  detail!: string;

  /** Canonical JSON of how the request came: its id, address, method, token; null for the catalog's own work. */
  @Column('text', { nullable: true })
  via!: string | null;

  @Column('text', { name: 'prev_hash' })
  prevHash!: string;

  /** `auditHash` of this row. */
  @Column('text')
  hash!: string;
}

/** What readers of the change feed get; old rows go, none is changed. */
@Entity('change')
export class ChangeRow {
  /** Gapless in the order of commits. */
  @PrimaryColumn('bigint', { transformer: whole })
  seq!: number;

  /** `version.published` */
  @Column('text')
  kind!: string;

  /** `acme/thumb@1.3.0` */
  @Column('text')
  key!: string;

  @Column('text')
  namespace!: string;

  /** Name within the namespace of the proxylet it is about: who may read that may read this. */
  @Column('text', { nullable: true })
  proxylet!: string | null;

  /** Who may read it, where that is not who may read the proxylet now: of a change that narrowed its visibility. */
  @Column('text', { name: 'shown_as', nullable: true })
  shownAs!: Visibility | null;

  @Column('text', { nullable: true })
  digest!: string | null;

  @Column('text')
  at!: string;

  /** JSON object of what else the kind tells. */
  @Column('text')
  data!: string;
}

/** One row: which history the numbers of the feed belong to. */
@Entity('feed')
export class FeedRow {
  @PrimaryColumn('integer')
  id!: number;

  @Column('text')
  epoch!: string;
}
