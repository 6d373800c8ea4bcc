import { Column, Entity, PrimaryColumn } from 'typeorm';

export const tufRoles = ['root', 'targets', 'snapshot', 'timestamp', 'namespaces'] as const;
export type TufRole = (typeof tufRoles)[number];

/** A key that the catalog signs metadata with. */
@Entity('tuf_key')
export class TufKeyRow {
  @PrimaryColumn('text')
  role!: TufRole;

  /** PKCS#8 in PEM, sealed by `SecretBox`. */
  @Column('text')
  secret!: string;

  @Column('text', { name: 'created_at' })
  createdAt!: string;
}

/** A signed document, as readers get it. */
@Entity('tuf_document')
export class TufDocumentRow {
  /** `timestamp`, `ns-acme` */
  @PrimaryColumn('text')
  name!: string;

  @PrimaryColumn('integer')
  version!: number;

  @Column('text')
  body!: string;

  @Column('text', { name: 'made_at' })
  madeAt!: string;
}

/** One row: the change up to which everything is signed. */
@Entity('tuf_state')
export class TufStateRow {
  @PrimaryColumn('integer')
  id!: number;

  @Column('bigint', { transformer: { from: Number, to: (value: number | undefined) => value } })
  seq!: number;

  /** Which history of changes the number belongs to. */
  @Column('text')
  epoch!: string;
}
