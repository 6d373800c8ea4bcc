import { Column, Entity, PrimaryColumn } from 'typeorm';

export const memberRoles = ['owner', 'maintainer', 'publisher', 'reader'] as const;
export type MemberRole = (typeof memberRoles)[number];

@Entity('namespace')
export class NamespaceRow {
  @PrimaryColumn('text')
  name!: string;

  /** What makes two names confusable; unique. */
  @Column('text')
  canonical!: string;

  @Column('text', { name: 'created_by' })
  createdBy!: string;

  /** RFC 3339, UTC, as every time in these tables. */
  @Column('text', { name: 'created_at' })
  createdAt!: string;
}

@Entity('namespace_member')
export class MemberRow {
  @PrimaryColumn('text')
  namespace!: string;

  /** Key of a principal: `user|<issuer>|<subject>`. */
  @PrimaryColumn('text')
  principal!: string;

  @Column('text')
  role!: MemberRole;

  @Column('text', { name: 'added_by' })
  addedBy!: string;

  @Column('text', { name: 'added_at' })
  addedAt!: string;
}
