import type { Readable } from 'node:stream';
import type { Digest } from '@proxylet/contract';

/**
 * Where bytes lie in a store: `sha256/ab/<hex>.<generation>` of an artifact, `uploads/<id>/<part>` of an upload under
 * way. A key is used for one put and never again, so that deleting what came to nothing cannot hit anything else.
 */
export type BlobKey = `sha256/${string}` | `uploads/${string}`;
export type BlobArea = 'sha256/' | 'uploads/';

export interface BlobInfo {
  readonly key: BlobKey;
  readonly sizeBytes: number;
  /** By the clock of the store. */
  readonly modifiedAtMs: number;
}

/** Bytes from `start` to `end`, both counted from 0 and included. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** What the store says of a blob to whoever comes with a presigned address. */
export interface PresignedHeaders {
  readonly contentType: string;
  readonly contentDisposition: string;
  readonly cacheControl: string;
}

/**
 * Bytes by key. Which digest has which key is in the table `blob`; `Artifacts` reads by digest. The same suite of
 * tests runs against every form.
 *
 * Each method throws Problem `storage-unavailable` where the store cannot be reached or is full.
 */
export interface BlobStore {
  /**
   * Makes bytes durable under a new key; when it resolves they survive a power cut. A file, given by its path, stays
   * the caller's to delete (it may be gone afterwards).
   */
  put(key: BlobKey, source: string | Uint8Array): Promise<void>;
  /** Undefined where there is no such blob. The stream's bytes are not checked: whoever uses them compares the digest. */
  open(key: BlobKey, range?: ByteRange): Promise<Readable | undefined>;
  head(key: BlobKey): Promise<BlobInfo | undefined>;
  /** Deleting what is not there is fine. */
  delete(key: BlobKey): Promise<void>;
  /** Also what nothing refers to. */
  list(area: BlobArea): AsyncIterable<BlobInfo>;
  /** Resolves where the store would take a blob now. */
  probe(): Promise<void>;
  /**
   * An address under which anybody may get the blob for so many seconds, with the headers named; a store that has no
   * address of its own lacks this.
   */
  presign?(key: BlobKey, seconds: number, headers: PresignedHeaders): Promise<string>;
}

/** Key of an artifact. Without a generation: one stored before there were any. */
export function artifactKey(digest: Digest, generation?: string): BlobKey {
  const hex = digest.slice('sha256:'.length);
  const suffix = generation === undefined ? '' : `.${generation}`;
  return `sha256/${hex.slice(0, 2)}/${hex}${suffix}`;
}

export function isBlobKey(text: string): text is BlobKey {
  return (
    /^sha256\/[0-9a-f]{2}\/[0-9a-f]{64}(?:\.[0-9a-z]{1,32})?$/.test(text) ||
    /^uploads\/[0-9a-f-]{36}\/[0-9a-z.]{1,64}$/.test(text)
  );
}
