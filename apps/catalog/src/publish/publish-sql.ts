import { statement } from '../database/sql.js';

/** Statements of the transaction that publishes, in the order it uses them. */

export const findVersion = statement<{ id: number; digest: string; version: string }>(
  `SELECT v.id, v.digest, v.version FROM proxylet p JOIN version v ON v.proxylet_id = p.id
   WHERE p.namespace = $1 AND p.name = $2 AND v.version_key = $3`,
);

export const insertBlob = statement<{ digest: string }>(
  `INSERT INTO blob (digest, size_bytes, stored_at, storage_key, state, last_ref_at)
   VALUES ($1, $2, $3, $4, 'live', $3) ON CONFLICT DO NOTHING RETURNING digest`,
);
/** Refers to bytes that are there already. A clean-up that looks at the row meanwhile sees the new time. */
export const referToBlob = statement<{ digest: string }>(
  `UPDATE blob SET last_ref_at = $2 WHERE digest = $1 AND state = 'live' RETURNING digest`,
);
/** Takes over a row whose bytes are being deleted, with bytes of a key of their own. */
export const replaceBlob = statement<{ digest: string }>(
  `UPDATE blob SET storage_key = $3, state = 'live', lease_until = NULL, stored_at = $2, last_ref_at = $2
   WHERE digest = $1 AND state = 'deleting' AND NOT EXISTS (SELECT 1 FROM blob b WHERE b.storage_key = $3)
   RETURNING digest`,
);

export interface ProxyletHead {
  readonly id: number;
  readonly revision: number;
}
export const findProxyletHead = statement<ProxyletHead>(
  'SELECT id, revision FROM proxylet WHERE namespace = $1 AND name = $2',
);

export const insertVersion = statement<{ id: number }>(
  `INSERT INTO version (proxylet_id, version, version_key, precedence, is_stable, digest, size_bytes, manifest, files,
     facts, readme, runtime_type, capabilities, warnings, published_by, published_at)
   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) RETURNING id`,
);
export const insertState = statement(
  `INSERT INTO version_state (version_id, state, reason, actor, at) VALUES ($1, 'published', '', $2, $3)`,
);
/** From a JSON list of `{t, r}`. */
export const insertDependencies = statement(
  `INSERT INTO dependency (version_id, target, range)
   SELECT $1::integer, d.t, d.r FROM json_to_recordset($2::json) AS d (t text, r text)`,
  `INSERT INTO dependency (version_id, target, range)
   SELECT $1, d.value ->> 't', d.value ->> 'r' FROM json_each($2) AS d`,
);
/** From a JSON list of `{t, r}`. */
export const insertCapabilities = statement(
  `INSERT INTO version_capability (version_id, capability, range)
   SELECT $1::integer, c.t, c.r FROM json_to_recordset($2::json) AS c (t text, r text) ON CONFLICT DO NOTHING`,
  `INSERT INTO version_capability (version_id, capability, range)
   SELECT $1, c.value ->> 't', c.value ->> 'r' FROM json_each($2) AS c WHERE 1 = 1 ON CONFLICT DO NOTHING`,
);
/** From the JSON list that the version keeps too. */
export const insertFiles = statement(
  `INSERT INTO version_file (version_id, path, size_bytes, sha256)
   SELECT $1::integer, f.path, f."sizeBytes", f.sha256
   FROM json_to_recordset($2::json) AS f (path text, "sizeBytes" integer, sha256 text)`,
  `INSERT INTO version_file (version_id, path, size_bytes, sha256)
   SELECT $1, f.value ->> 'path', f.value ->> 'sizeBytes', f.value ->> 'sha256' FROM json_each($2) AS f`,
);

export const moveChannel = statement(
  `INSERT INTO channel (proxylet_id, name, version_id, revision) VALUES ($1, $2, $3, 1)
   ON CONFLICT (proxylet_id, name) DO UPDATE SET version_id = excluded.version_id, revision = channel.revision + 1`,
);
export const noteChannelMove = statement(
  `INSERT INTO channel_move (proxylet_id, channel, version_id, actor, at) VALUES ($1, $2, $3, $4, $5)`,
);

export const findAnswer = statement<{ fingerprint: string }>(
  'SELECT fingerprint FROM idempotency WHERE principal = $1 AND key = $2',
);
/** Ignored where a request at another catalog was faster with the same key: it is about another proxylet. */
export const insertAnswer = statement(
  `INSERT INTO idempotency (principal, key, fingerprint, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
);
