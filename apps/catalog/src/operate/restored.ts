import { randomUUID } from 'node:crypto';
import type { Digest } from '@proxylet/contract';
import { writeAudit } from '../audit.js';
import { artifactKey, type BlobKey, type BlobStore } from '../blob/blob-store.js';
import type { Database } from '../database/database.js';
import { statement } from '../database/sql.js';

export interface RestoreReport {
  /** Of the change feed from now on: readers learn by it that what they read before is another history. */
  readonly epoch: string;
  readonly versions: number;
  readonly archives: number;
  /** Versions whose archive is missing or has another size: `acme/geo@1.0.0`. */
  readonly missing: readonly string[];
}

interface ArchiveRow {
  readonly digest: Digest;
  readonly size_bytes: number | string;
  readonly storage_key: BlobKey | null;
}
const pageRows = 500;
// A mirror knows of archives that nobody has asked for yet: their bytes are upstream.
const archivesAfter = statement<ArchiveRow>(
  `SELECT b.digest, b.size_bytes, b.storage_key FROM blob b
   WHERE b.digest > $1 AND COALESCE(b.storage_key, '') NOT LIKE '%.upstream' AND EXISTS (SELECT 1 FROM version v WHERE v.digest = b.digest)
   ORDER BY b.digest LIMIT ${pageRows}`,
);
const versionsOf = statement<{ name: string }>(
  `SELECT p.namespace || '/' || p.name || '@' || v.version AS name
   FROM version v JOIN proxylet p ON p.id = v.proxylet_id WHERE v.digest = $1 ORDER BY v.id`,
);
const countVersions = statement<{ versions: number | string }>('SELECT COUNT(*) AS versions FROM version');

/**
 * To be run once on what was restored from a backup, before the catalog starts: looks for every archive, begins a new
 * history of changes and notes the restore in the audit.
 */
export async function acknowledgeRestore(database: Database, store: BlobStore): Promise<RestoreReport> {
  const missing: string[] = [];
  let archives = 0;
  for (let after = ''; ; ) {
    const rows = await archivesAfter(database.read, [after]);
    for (const row of rows) {
      archives += 1;
      if (!(await isWhole(store, row)))
        missing.push(...(await versionsOf(database.read, [row.digest])).map(({ name }) => name));
    }
    after = rows.at(-1)?.digest ?? '';
    if (rows.length < pageRows) break;
  }
  const [count] = await countVersions(database.read);
  const report = { epoch: randomUUID(), versions: Number(count?.versions ?? 0), archives, missing };
  await beginHistory(database, report);
  return report;
}

async function isWhole(store: BlobStore, { digest, size_bytes, storage_key }: ArchiveRow): Promise<boolean> {
  const found = await store.head(storage_key ?? artifactKey(digest));
  return found?.sizeBytes === Number(size_bytes);
}

async function beginHistory(database: Database, { epoch, missing, ...detail }: RestoreReport): Promise<void> {
  await database.write('restore', async (manager) => {
    await statement(`UPDATE feed SET epoch = $1 WHERE id = 1 RETURNING id`)(manager, [epoch]);
    await writeAudit(manager, {
      at: new Date().toISOString(),
      actor: 'operator',
      action: 'catalog.restore',
      target: 'catalog',
      namespace: '',
      detail: { ...detail, epoch, missing: missing.length },
    });
  });
}
