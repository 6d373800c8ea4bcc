import type { Digest } from '@proxylet/contract';
import type { BlobKey } from '../blob/blob-store.js';
import { statement } from '../database/sql.js';

export interface UploadRow {
  readonly id: string;
  readonly name: string;
  readonly principal: string;
  readonly digest: Digest;
  readonly size_bytes: number;
  readonly offset_bytes: number;
  readonly expires_at: string;
}
export const findUpload = statement<UploadRow>(
  `SELECT id, name, principal, digest, size_bytes, offset_bytes, expires_at FROM upload
   WHERE id = $1 AND principal = $2 AND token_id = $3 AND expires_at > $4`,
);
export const insertUpload = statement(
  `INSERT INTO upload (id, namespace, name, principal, token_id, digest, size_bytes, offset_bytes, created_at, expires_at)
   VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8, $9)`,
);
/** Goes on only from where the caller saw it. */
export const advanceUpload = statement<{ id: string }>(
  `UPDATE upload SET offset_bytes = $3, expires_at = $4 WHERE id = $1 AND offset_bytes = $2 RETURNING id`,
);
export const deleteUpload = statement<{ id: string }>('DELETE FROM upload WHERE id = $1 RETURNING id');
export const findExpired = statement<{ id: string }>(
  'SELECT id FROM upload WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2',
);

export const insertPart = statement(
  'INSERT INTO upload_part (upload_id, offset_bytes, size_bytes, storage_key) VALUES ($1, $2, $3, $4)',
);
export const findParts = statement<{ storage_key: BlobKey; size_bytes: number }>(
  'SELECT storage_key, size_bytes FROM upload_part WHERE upload_id = $1 ORDER BY offset_bytes',
);
export const deleteParts = statement<{ storage_key: BlobKey }>(
  'DELETE FROM upload_part WHERE upload_id = $1 RETURNING storage_key',
);
