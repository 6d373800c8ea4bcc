import type { Readable } from 'node:stream';
import type { Digest } from '@proxylet/contract';

export interface BlobInfo {
  readonly digest: Digest;
  readonly sizeBytes: number;
}

/** Bytes from `start` to `end`, both counted from 0 and included. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * Artifacts by the digest of their bytes. The same suite of tests runs against every form.
 *
 * Each method throws Problem `storage-unavailable` where the store cannot be reached or is full.
 */
export interface BlobStore {
  /**
   * Makes the bytes of a file durable under their digest; when it resolves they survive a power cut. The file stays
   * the caller's to delete (it may be gone afterwards). Putting what is there already is fine and repairs it.
   *
   * @throws Problem `digest-mismatch` where the file has other bytes; nothing is stored then
   */
  put(file: string, digest: Digest): Promise<void>;
  /** Undefined where there is no such blob. The stream's bytes are not checked: whoever uses them compares the digest. */
  open(digest: Digest, range?: ByteRange): Promise<Readable | undefined>;
  head(digest: Digest): Promise<BlobInfo | undefined>;
  /** Deleting what is not there is fine. */
  delete(digest: Digest): Promise<void>;
  list(): AsyncIterable<BlobInfo>;
  /** Resolves where the store would take a blob now. */
  probe(): Promise<void>;
}
