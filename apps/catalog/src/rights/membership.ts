import { memberKeysOf, type NamespaceRole, namespaceRoles, type Principal } from '@proxylet/auth';
import { type EntityManager, In } from 'typeorm';
import { MemberRow } from '../database/namespace.entity.js';

/** The highest role the caller has in a namespace, by itself or by a role of its IdM. */
export async function roleIn(
  manager: EntityManager,
  principal: Principal,
  namespace: string,
): Promise<NamespaceRole | undefined> {
  const { grant } = principal;
  if (grant?.namespace !== undefined) return grant.namespace === namespace ? 'publisher' : undefined;
  const rows = await manager.findBy(MemberRow, { namespace, principal: In([...memberKeysOf(principal)]) });
  return namespaceRoles.find((role) => rows.some((row) => row.role === role));
}
