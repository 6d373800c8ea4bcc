import { statement } from '../database/sql.js';

/** Two names that look alike must not both be found free; held to the end of the transaction. */
export const lockSkeleton = statement(
  `SELECT pg_advisory_xact_lock(hashtextextended('name ' || $1, 0))`,
  'SELECT $1',
);
export const findProxylet = statement('SELECT 1 AS one FROM proxylet WHERE namespace = $1 AND name = $2');

interface Named {
  readonly namespace: string;
  readonly name: string;
}
const shareNoOwner = (namespace: string): string => `p.namespace <> ${namespace} AND NOT EXISTS (
  SELECT 1 FROM namespace_member m JOIN namespace_member n ON n.principal = m.principal
  WHERE m.namespace = p.namespace AND n.namespace = ${namespace} AND m.role = 'owner' AND n.role = 'owner')`;

/** Whether the very name is in use in the open. */
export const findSameName = statement<Named>(
  `SELECT p.namespace, d.name FROM search_doc d JOIN proxylet p ON p.id = d.proxylet_id
   WHERE d.skeleton = $1 AND d.name = $2 AND p.visibility <> 'private' LIMIT 1`,
);
/** The oldest that looks the same. */
export const findLike = statement<Named>(
  `SELECT p.namespace, d.name FROM search_doc d JOIN proxylet p ON p.id = d.proxylet_id
   WHERE d.skeleton = $1 AND p.visibility <> 'private' AND ${shareNoOwner('$2')}
   ORDER BY d.skeleton, d.proxylet_id LIMIT 1`,
);
/** Popular ones about as long. */
export const findPopular = statement<Named>(
  `SELECT p.namespace, d.name FROM search_doc d JOIN proxylet p ON p.id = d.proxylet_id
   WHERE d.is_popular = 1 AND LENGTH(d.name) BETWEEN $1 - 1 AND $1 + 1 AND p.visibility <> 'private'
   AND ${shareNoOwner('$2')}
   ORDER BY d.name LIMIT 20000`,
);

interface Namespace {
  readonly namespace: string;
}
const notOwned = (namespace: string, principal: string): string =>
  `NOT EXISTS (SELECT 1 FROM namespace_member m
   WHERE m.namespace = ${namespace} AND m.principal = ${principal} AND m.role = 'owner')`;

export const findNamespaces = statement<Namespace>(
  `SELECT s.namespace FROM namespace_skeleton s
   WHERE s.skeleton = $1 AND s.namespace <> $2 AND ${notOwned('s.namespace', '$3')} ORDER BY s.namespace LIMIT 1`,
);
export const popularNamespaces = statement<Namespace>(
  `SELECT DISTINCT p.namespace FROM search_doc d JOIN proxylet p ON p.id = d.proxylet_id
   WHERE d.is_popular = 1 AND LENGTH(p.namespace) BETWEEN $1 - 1 AND $1 + 1 AND ${notOwned('p.namespace', '$2')}
   ORDER BY p.namespace LIMIT 20000`,
);
export const keepNamespace = statement(
  'INSERT INTO namespace_skeleton (namespace, skeleton) VALUES ($1, $2) ON CONFLICT DO NOTHING',
);
/** Namespaces of before this was kept. */
export const findUnkept = statement<Namespace>(
  `SELECT n.name AS namespace FROM namespace n
   WHERE NOT EXISTS (SELECT 1 FROM namespace_skeleton s WHERE s.namespace = n.name) ORDER BY n.name LIMIT $1`,
);
