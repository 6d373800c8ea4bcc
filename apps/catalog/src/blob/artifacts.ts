import type { Readable } from 'node:stream';
import { Inject } from '@nestjs/common';
import { type Digest, Problem } from '@proxylet/contract';
import { Database } from '../database/database.js';
import { statement } from '../database/sql.js';
import { BLOB_STORE } from '../tokens.js';
import { artifactKey, type BlobInfo, type BlobKey, type BlobStore, type ByteRange } from './blob-store.js';

const maxKnownKeys = 10_000;
const findKey = statement<{ storage_key: string | null }>(
  `SELECT storage_key FROM blob WHERE digest = $1 AND state = 'live'`,
);

export const archiveType = 'application/gzip';
export const keepForEver = 'private, max-age=31536000, immutable';

/** Never shown in a page, and named after its digest. */
export function dispositionOf(digest: Digest): string {
  return `attachment; filename="${digest.slice('sha256:'.length, 23)}.tgz"`;
}

export function lost(digest: Digest): Problem {
  return new Problem('artifact-corrupt', `The store of this catalog has lost the bytes of ${digest}.`);
}

/** Published archives by digest. Rights are not looked at here. */
export class Artifacts {
  /** A digest gets another key only after a clean-up, and the bytes under the old one are gone then. */
  private readonly keys = new Map<Digest, BlobKey>();

  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(BLOB_STORE) private readonly blobs: BlobStore,
  ) {}

  /** Undefined where the catalog has no such archive, or its store has lost it. The bytes are not checked. */
  async open(digest: Digest, range?: ByteRange): Promise<Readable | undefined> {
    return await this.withKey(digest, (key) => this.blobs.open(key, range));
  }

  async head(digest: Digest): Promise<BlobInfo | undefined> {
    return await this.withKey(digest, (key) => this.blobs.head(key));
  }

  /**
   * An address of the store under which anybody may get the archive for so many seconds; undefined where the store
   * has none to give.
   *
   * @throws Problem `artifact-corrupt` where the store has lost it
   */
  async presign(digest: Digest, seconds: number): Promise<string | undefined> {
    if (this.blobs.presign === undefined) return undefined;
    // Looked up, as the reader would get the store's own error where the bytes are gone.
    const found = await this.head(digest);
    if (found === undefined) throw lost(digest);
    return await this.blobs.presign(found.key, seconds, {
      contentType: archiveType,
      contentDisposition: dispositionOf(digest),
      cacheControl: keepForEver,
    });
  }

  /** Where the bytes lie; undefined where the catalog has no such archive. */
  async keyOf(digest: Digest): Promise<BlobKey | undefined> {
    const known = this.keys.get(digest);
    if (known !== undefined) return known;
    const [row] = await findKey(this.database.read, [digest]);
    if (row === undefined) return undefined;
    const key = row.storage_key === null ? artifactKey(digest) : (row.storage_key as BlobKey);
    if (this.keys.size >= maxKnownKeys) this.keys.clear();
    this.keys.set(digest, key);
    return key;
  }

  private async withKey<T>(
    digest: Digest,
    look: (key: BlobKey) => Promise<T | undefined>,
  ): Promise<T | undefined> {
    const isRemembered = this.keys.has(digest);
    const key = await this.keyOf(digest);
    const found = key === undefined ? undefined : await look(key);
    if (found !== undefined || !isRemembered) return found;
    this.keys.delete(digest);
    const fresh = await this.keyOf(digest);
    return fresh === undefined || fresh === key ? undefined : await look(fresh);
  }
}
