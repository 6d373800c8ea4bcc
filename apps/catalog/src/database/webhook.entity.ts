import { Column, Entity, PrimaryColumn } from 'typeorm';

/** Who wants to be told of the changes of a namespace. */
@Entity('webhook')
export class WebhookRow {
  @PrimaryColumn('text')
  id!: string;

  @Column('text')
  namespace!: string;

  @Column('text')
  url!: string;

  /** `whsec_<base64>`, sealed by `SecretBox`: needed to sign with, and given out once. */
  @Column('text')
  secret!: string;

  /** JSON list of kinds of changes; empty for all. */
  @Column('text')
  events!: string;

  @Column('integer', { name: 'is_active' })
  isActive!: number;

  /** Number of the change up to which deliveries were made. */
  @Column('bigint', { transformer: { from: Number, to: (value: number | undefined) => value } })
  position!: number;

  @Column('text', { name: 'created_by' })
  createdBy!: string;

  @Column('text', { name: 'created_at' })
  createdAt!: string;
}

export const deliveryStates = ['pending', 'delivered', 'dead'] as const;
export type DeliveryState = (typeof deliveryStates)[number];

/** One change for one webhook. */
@Entity('webhook_delivery')
export class DeliveryRow {
  /** Also the `webhook-id` of every attempt. */
  @PrimaryColumn('text')
  id!: string;

  @Column('text', { name: 'webhook_id' })
  webhookId!: string;

  @Column('bigint', { transformer: { from: Number, to: (value: number | undefined) => value } })
  seq!: number;

  @Column('text')
  kind!: string;

  /** The CloudEvent, as sent. */
  @Column('text')
  body!: string;

  @Column('text')
  state!: DeliveryState;

  @Column('integer')
  attempts!: number;

  /** When it is given up unless it was delivered. */
  @Column('text', { name: 'give_up_at' })
  giveUpAt!: string;

  /** When the next attempt is due, of a pending one. */
  @Column('text', { name: 'next_at' })
  nextAt!: string;

  @Column('integer', { name: 'last_status', nullable: true })
  lastStatus!: number | null;

  @Column('text', { name: 'last_error', nullable: true })
  lastError!: string | null;

  /** When it was last tried. */
  @Column('text', { name: 'tried_at', nullable: true })
  triedAt!: string | null;

  @Column('text', { name: 'created_at' })
  createdAt!: string;
}

/** Work that one catalog at a time does, of all on this database. */
@Entity('lease')
export class LeaseRow {
  @PrimaryColumn('text')
  name!: string;

  @Column('text')
  holder!: string;

  /** Free again from then on. */
  @Column('text')
  until!: string;
}

/** One row: the key that secrets in this database are sealed under. */
@Entity('sealing_key')
export class SealingKeyRow {
  @PrimaryColumn('integer')
  id!: number;

  @Column('text', { name: 'key_id' })
  keyId!: string;

  @Column('text')
  since!: string;
}
