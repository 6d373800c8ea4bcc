import type { BlobKey } from '../blob/blob-store.js';
import { statement } from '../database/sql.js';

/** Which of a JSON list of keys rows refer to. */
export const findReferences = statement<{ storage_key: BlobKey; state: 'live' | 'deleting' }>(
  `SELECT storage_key, state FROM blob WHERE storage_key IN (SELECT json_array_elements_text($1::json))`,
  `SELECT storage_key, state FROM blob WHERE storage_key IN (SELECT value FROM json_each($1))`,
);
/**
 * Takes keys nothing refers to, from a JSON list: a publish that put one of them and has not written its version yet
 * meets the row, and puts its bytes again under another key.
 */
export const claimKeys = statement<{ storage_key: BlobKey }>(
  `INSERT INTO blob (digest, size_bytes, stored_at, storage_key, state, lease_until, last_ref_at)
   SELECT k.value, 0, $2, k.value, 'deleting', $3, $2 FROM json_array_elements_text($1::json) AS k (value)
   ON CONFLICT DO NOTHING RETURNING storage_key`,
  `INSERT INTO blob (digest, size_bytes, stored_at, storage_key, state, lease_until, last_ref_at)
   SELECT k.value, 0, $2, k.value, 'deleting', $3, $2 FROM json_each($1) AS k
   WHERE 1 = 1 ON CONFLICT DO NOTHING RETURNING storage_key`,
);

/** A page of rows in order of digest, and whether a version needs each. */
export const pageOfBlobs = statement<{
  digest: string;
  storage_key: BlobKey | null;
  state: string;
  size_bytes: number;
  last_ref_at: string;
  is_needed: number | boolean;
}>(
  `SELECT digest, storage_key, state, size_bytes, last_ref_at,
     EXISTS (SELECT 1 FROM version v WHERE v.digest = b.digest) AS is_needed
   FROM blob b WHERE digest > $1 ORDER BY digest LIMIT $2`,
);
/** The time is looked at again, as a publish may have referred to the row since. */
export const markDeleting = statement<{ digest: string }>(
  `UPDATE blob SET state = 'deleting', lease_until = $3
   WHERE digest = $1 AND state = 'live' AND last_ref_at <= $2
     AND NOT EXISTS (SELECT 1 FROM version v WHERE v.digest = $1)
   RETURNING digest`,
);
export const findOver = statement<{ digest: string; storage_key: BlobKey | null }>(
  `SELECT digest, storage_key FROM blob WHERE state = 'deleting' AND lease_until <= $1 ORDER BY lease_until LIMIT $2`,
);
export const dropOver = statement<{ digest: string }>(
  `DELETE FROM blob WHERE digest = $1 AND state = 'deleting' AND lease_until <= $2 RETURNING digest`,
);

/** Which of a JSON list of keys are parts of uploads under way. */
export const findPartsOf = statement<{ storage_key: BlobKey }>(
  `SELECT storage_key FROM upload_part WHERE storage_key IN (SELECT json_array_elements_text($1::json))`,
  `SELECT storage_key FROM upload_part WHERE storage_key IN (SELECT value FROM json_each($1))`,
);
export const forgetAnswers = statement<{ principal: string }>(
  'DELETE FROM idempotency WHERE created_at < $1 RETURNING principal',
);
