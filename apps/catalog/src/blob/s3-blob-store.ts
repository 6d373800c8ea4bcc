import { stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';
import { Problem } from '@proxylet/contract';
import { Client } from 'minio';
import { asStorageProblem } from '../database/storage-fault.js';
import {
  type BlobArea,
  type BlobInfo,
  type BlobKey,
  type BlobStore,
  type ByteRange,
  isBlobKey,
  type PresignedHeaders,
} from './blob-store.js';

export interface S3Options {
  /** `https://s3.example.org` or with a port; a path is not taken. */
  readonly endpoint: string;
  readonly bucket: string;
  readonly region: string;
  readonly accessKey: string;
  readonly secretKey: string;
  /** The server as readers reach it; presigned addresses are good there only. */
  readonly publicEndpoint?: string | undefined;
}

const attempts = 3;
const firstPauseMs = 100;
const prefix = 'blobs/';

/**
 * Blobs as objects `blobs/<key>` of one bucket, addressed by path. Asks little of the server: no
 * versioning, no conditional put, and its ETags are not trusted; the size is looked up after each put.
 */
export class S3BlobStore implements BlobStore {
  private readonly client: Client;
  private readonly publicClient: Client;
  private bucketIsThere = false;

  constructor(private readonly options: S3Options) {
    this.client = clientOf(options, options.endpoint);
    this.publicClient =
      options.publicEndpoint === undefined ? this.client : clientOf(options, options.publicEndpoint);
  }

  async put(key: BlobKey, source: string | Uint8Array): Promise<void> {
    const { bucket } = this.options;
    const headers = { 'Content-Type': 'application/gzip' };
    const size = typeof source === 'string' ? (await stat(source)).size : source.byteLength;
    await this.retry(async () => {
      await this.makeBucket();
      if (typeof source === 'string') await this.client.fPutObject(bucket, prefix + key, source, headers);
      else await this.client.putObject(bucket, prefix + key, asBuffer(source), size, headers);
      const stored = await this.stat(key);
      if (stored?.sizeBytes !== size) throw new Error('the object store kept another size than was sent');
    });
  }

  async open(key: BlobKey, range?: ByteRange): Promise<Readable | undefined> {
    const { bucket } = this.options;
    return await this.retry(() =>
      orMissing(() =>
        range === undefined
          ? this.client.getObject(bucket, prefix + key)
          : this.client.getPartialObject(bucket, prefix + key, range.start, range.end - range.start + 1),
      ),
    );
  }

  async head(key: BlobKey): Promise<BlobInfo | undefined> {
    return await this.retry(() => this.stat(key));
  }

  async delete(key: BlobKey): Promise<void> {
    await this.retry(() => orMissing(() => this.client.removeObject(this.options.bucket, prefix + key)));
  }

  async *list(area: BlobArea): AsyncGenerator<BlobInfo> {
    try {
      await this.makeBucket();
      for await (const item of this.client.listObjectsV2(
        this.options.bucket,
        prefix + area,
        true,
      ) as AsyncIterable<ListedObject>) {
        const key = item.name?.slice(prefix.length) ?? '';
        if (isBlobKey(key)) yield { key, sizeBytes: item.size, modifiedAtMs: item.lastModified.getTime() };
      }
    } catch (error) {
      throw unavailable(error);
    }
  }

  async probe(): Promise<void> {
    try {
      if (!(await this.client.bucketExists(this.options.bucket))) await this.makeBucket();
    } catch (error) {
      throw unavailable(error);
    }
  }

  async presign(key: BlobKey, seconds: number, headers: PresignedHeaders): Promise<string> {
    return await this.publicClient.presignedGetObject(this.options.bucket, prefix + key, seconds, {
      'response-content-type': headers.contentType,
      'response-content-disposition': headers.contentDisposition,
      'response-cache-control': headers.cacheControl,
    });
  }

  private async stat(key: BlobKey): Promise<BlobInfo | undefined> {
    const found = await orMissing(() => this.client.statObject(this.options.bucket, prefix + key));
    return found === undefined
      ? undefined
      : { key, sizeBytes: found.size, modifiedAtMs: found.lastModified.getTime() };
  }

  /** Looked at once per process: an operator may also make the bucket beforehand and give no right to make one. */
  private async makeBucket(): Promise<void> {
    if (this.bucketIsThere) return;
    const { bucket, region } = this.options;
    if (!(await this.client.bucketExists(bucket))) {
      try {
        await this.client.makeBucket(bucket, region);
      } catch (error) {
        // Another catalog may have made it in between.
        if (codeOf(error) !== 'BucketAlreadyOwnedByYou') throw error;
      }
    }
    this.bucketIsThere = true;
  }

  /** Every request here may be repeated: what is stored under a key is always the same. */
  private async retry<T>(work: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await work();
      } catch (error) {
        if (attempt === attempts || !isPassing(error)) throw unavailable(error);
        await wait(firstPauseMs * 2 ** (attempt - 1) * (0.5 + Math.random()));
      }
    }
  }
}

function clientOf({ region, accessKey, secretKey }: S3Options, endpoint: string): Client {
  const url = new URL(endpoint);
  const useSSL = url.protocol === 'https:';
  return new Client({
    endPoint: url.hostname,
    port: url.port === '' ? (useSSL ? 443 : 80) : Number(url.port),
    useSSL,
    region,
    accessKey,
    secretKey,
    pathStyle: true,
    // The client's own retries write to the console and are not bounded in time.
    retryOptions: { disableRetry: true },
  });
}

interface ListedObject {
  readonly name?: string;
  readonly size: number;
  readonly lastModified: Date;
}

function asBuffer({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

async function orMissing<T>(look: () => Promise<T>): Promise<T | undefined> {
  try {
    return await look();
  } catch (error) {
    const code = codeOf(error);
    if (code === 'NoSuchKey' || code === 'NotFound' || code === 'NoSuchBucket') return undefined;
    throw error;
  }
}

/** A refusal of credentials or of the request will not pass by itself; a dead line and a busy server may. */
function isPassing(error: unknown): boolean {
  const code = codeOf(error) ?? '';
  return !/^(?:AccessDenied|InvalidAccessKeyId|SignatureDoesNotMatch|InvalidBucketName|NoSuchBucket|InvalidRequest|XMinioInvalid)/.test(
    code,
  );
}

function unavailable(error: unknown): unknown {
  const known = asStorageProblem(error);
  if (known instanceof Problem) return known;
  return new Problem(
    'storage-unavailable',
    'The catalog cannot use its object store at the moment; nothing was changed.',
    {
      cause: error,
      retryAfterSeconds: 5,
    },
  );
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
