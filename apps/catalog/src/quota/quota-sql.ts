import { statement } from '../database/sql.js';

type Count = number | string;

export interface QuotaRow {
  readonly bytes: Count | null;
  readonly proxylets: number | null;
  readonly versions: number | null;
  readonly publishes_per_hour: number | null;
  readonly uploads: number | null;
}
export const saveQuota = statement(
  `INSERT INTO namespace_quota (namespace, bytes, proxylets, versions, publishes_per_hour, uploads)
   VALUES ($1, $2, $3, $4, $5, $6)
   ON CONFLICT (namespace) DO UPDATE SET bytes = excluded.bytes, proxylets = excluded.proxylets,
     versions = excluded.versions, publishes_per_hour = excluded.publishes_per_hour, uploads = excluded.uploads`,
);

export interface UseRow {
  readonly bytes: Count;
  readonly proxylets: number;
  readonly versions: number;
  readonly hour: string;
  readonly hour_versions: number;
}
export const findUse = statement<UseRow>(
  'SELECT bytes, proxylets, versions, hour, hour_versions FROM namespace_use WHERE namespace = $1',
);
/**
 * Counts what is about to be written. The row is held until the commit, which makes counting in one namespace take
 * turns, whichever catalog counts.
 */
export const addUse = statement<UseRow>(
  `INSERT INTO namespace_use (namespace, bytes, proxylets, versions, hour, hour_versions)
   VALUES ($1, $2, $3, $4, $5, $4)
   ON CONFLICT (namespace) DO UPDATE SET
     bytes = namespace_use.bytes + excluded.bytes,
     proxylets = namespace_use.proxylets + excluded.proxylets,
     versions = namespace_use.versions + excluded.versions,
     hour_versions = excluded.hour_versions
       + CASE WHEN namespace_use.hour = excluded.hour THEN namespace_use.hour_versions ELSE 0 END,
     hour = excluded.hour
   RETURNING bytes, proxylets, versions, hour, hour_versions`,
);
/** What open uploads reserve, and the quota: one look, as others wait meanwhile. */
export const findReserved = statement<{ open_uploads: Count; open_bytes: Count | null } & QuotaRow>(
  `SELECT u.open_uploads, u.open_bytes, q.bytes, q.proxylets, q.versions, q.publishes_per_hour, q.uploads
   FROM (SELECT COUNT(*) AS open_uploads, SUM(size_bytes) AS open_bytes FROM upload
         WHERE namespace = $1 AND expires_at > $2 AND id <> $3) u
   LEFT JOIN namespace_quota q ON q.namespace = $1`,
);
