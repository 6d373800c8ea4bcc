import { type NamespaceRole, namespaceRoles } from '@proxylet/auth';
import type { Visibility } from '@proxylet/contract';
import { Column, Entity, PrimaryColumn } from 'typeorm';

export const memberRoles = namespaceRoles;
export type MemberRole = NamespaceRole;

@Entity('namespace')
export class NamespaceRow {
  @PrimaryColumn('text')
  name!: string;

  /** What makes two names confusable; unique. */
  @Column('text')
  canonical!: string;

  /** Of proxylets first published from now on. */
  @Column('text', { name: 'default_visibility', default: 'public' })
  defaultVisibility!: Visibility;

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

  /** `user|<issuer>|<subject>`, `service|<issuer>|<client>`, or `role:<issuer>|<name>` for all who have that role. */
  @PrimaryColumn('text')
  principal!: string;

  @Column('text')
  role!: MemberRole;

  @Column('text', { name: 'added_by' })
  addedBy!: string;

  @Column('text', { name: 'added_at' })
  addedAt!: string;
}
