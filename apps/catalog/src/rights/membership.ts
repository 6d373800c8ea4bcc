import { memberKeysOf, type NamespaceRole, namespaceRoles, type Principal } from '@proxylet/auth';
import type { EntityManager } from 'typeorm';
import type { MemberRole } from '../database/namespace.entity.js';
import { statement } from '../database/sql.js';

/** Roles that a JSON list of keys has. Asked with every write. */
const findRoles = statement<{ role: MemberRole }>(
  `SELECT role FROM namespace_member
   WHERE namespace = $1 AND principal IN (SELECT json_array_elements_text($2::json))`,
  `SELECT role FROM namespace_member WHERE namespace = $1 AND principal IN (SELECT value FROM json_each($2))`,
);

/** The highest role the caller has in a namespace, by itself or by a role of its IdM. */
export async function roleIn(
  manager: EntityManager,
  principal: Principal,
  namespace: string,
): Promise<NamespaceRole | undefined> {
  const { grant } = principal;
  if (grant?.namespace !== undefined) return grant.namespace === namespace ? 'publisher' : undefined;
  const rows = await findRoles(manager, [namespace, JSON.stringify([...memberKeysOf(principal)])]);
  return namespaceRoles.find((role) => rows.some((row) => row.role === role));
}
