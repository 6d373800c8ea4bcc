import { Column, Entity, PrimaryColumn } from 'typeorm';

const whole = { from: Number, to: (value: number | undefined) => value };

/** A namespace that is the upstream catalog's: nothing is published into it here. */
@Entity('mirror_namespace')
export class MirrorNamespaceRow {
  @PrimaryColumn('text')
  name!: string;
}

export type MirrorKind = 'proxylet' | 'service';

/** What is kept of the upstream catalog, and kept in step with it. */
@Entity('mirror_item')
export class MirrorItemRow {
  @PrimaryColumn('text')
  kind!: MirrorKind;

  /** `namespace/name` */
  @PrimaryColumn('text')
  name!: string;

  /** Number in the upstream feed that what is here is not older than; -1 while it is being fetched first. */
  @Column('bigint', { name: 'as_of', transformer: whole })
  asOf!: number;
}

/** One row: how far the upstream feed was followed. */
@Entity('mirror_state')
export class MirrorStateRow {
  @PrimaryColumn('integer')
  id!: number;

  @Column('text')
  upstream!: string;

  @Column('text')
  epoch!: string;

  @Column('bigint', { transformer: whole })
  position!: number;

  /** Until when what is here counts as fresh; empty while the upstream catalog is away. */
  @Column('text', { name: 'fresh_until' })
  freshUntil!: string;
}
