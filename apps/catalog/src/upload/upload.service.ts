import { randomBytes, randomUUID } from 'node:crypto';
import type { Principal } from '@proxylet/auth';
import { type Digest, parseName, Problem } from '@proxylet/contract';
import type { EntityManager } from 'typeorm';
import type { BlobKey, BlobStore } from '../blob/blob-store.js';
import type { Clock } from '../clock.js';
import type { Database } from '../database/database.js';
import type { NamespaceService } from '../namespace/namespace.service.js';
import type { Spool, SpoolFolder } from '../publish/spool.js';
import type { Quotas } from '../quota/quotas.js';
import * as sql from './upload-sql.js';

export interface UploadWish {
  /** Proxylet the archive is for. */
  readonly name: string;
  readonly digest: Digest;
  readonly size: number;
}

export interface UploadView {
  readonly id: string;
  readonly name: string;
  readonly digest: Digest;
  readonly size: number;
  /** Bytes that are durable: where the next part begins. */
  readonly offset: number;
  readonly expiresAt: string;
}

export interface UploadParts {
  readonly database: Database;
  readonly blobs: BlobStore;
  readonly spools: SpoolFolder;
  readonly namespaces: NamespaceService;
  readonly quotas: Quotas;
  readonly clock: Clock;
  readonly maxBytes: number;
  readonly keptMs: number;
}

/**
 * Uploads that go on where they broke off. Parts are blobs of their own and the offset is in the database, so that a
 * part may go to any of several catalogs, and a restart loses no more than the part under way.
 */
export class UploadService {
  constructor(private readonly parts: UploadParts) {}

  /** Reserves its size in the quota. @throws Problem `not-found`, `forbidden`, `archive-too-large`, `quota-exceeded` */
  async open({ name, digest, size }: UploadWish, principal: Principal): Promise<UploadView> {
    const { database, namespaces, quotas, clock, maxBytes } = this.parts;
    const { namespace } = parseName(name);
    await namespaces.authorize(principal, 'catalog.publish', namespace, undefined, name);
    if (size > maxBytes)
      throw new Problem('archive-too-large', `The archive is larger than ${maxBytes} bytes.`, {
        extra: { rule: 'packed-size' },
      });
    const id = randomUUID();
    const at = clock.now();
    const expiresAt = this.expiry(at);
    await database.write(`uploads ${namespace}`, async (manager) => {
      await quotas.reserve(manager, namespace, size, at);
      const owner = [principal.key, tokenOf(principal)];
      await sql.insertUpload(manager, [id, namespace, name, ...owner, digest, size, at, expiresAt]);
    });
    return { id, name, digest, size, offset: 0, expiresAt };
  }

  /** @throws Problem `not-found`, also for another's */
  async get(id: string, principal: Principal): Promise<UploadView> {
    const { database, clock } = this.parts;
    const [row] = await sql.findUpload(database.read, [id, principal.key, tokenOf(principal), clock.now()]);
    if (row === undefined) throw new Problem('not-found', 'There is no such upload; it may have expired.');
    const { name, digest, size_bytes: size, offset_bytes: offset, expires_at: expiresAt } = row;
    return { id, name, digest, size, offset, expiresAt };
  }

  /**
   * Takes the next part. Of a part that is cut off, what arrived is kept.
   *
   * @returns the upload with its new offset
   * @throws Problem `not-found`, `upload-offset-mismatch`, `archive-too-large` beyond the size, `request-cancelled`
   */
  async append(
    id: string,
    offset: number,
    bytes: AsyncIterable<Buffer>,
    principal: Principal,
  ): Promise<UploadView> {
    const upload = await this.get(id, principal);
    if (offset !== upload.offset) throw wrongOffset(upload);
    await using spool = this.parts.spools.spool();
    const cut = await takeUpTo(spool, bytes, upload.size - offset);
    const next = spool.sizeBytes === 0 ? upload : await this.keep(upload, spool);
    if (cut !== undefined) throw cut;
    return next;
  }

  /** Forgets an upload and its bytes. @throws Problem `not-found` */
  async cancel(id: string, principal: Principal): Promise<void> {
    await this.get(id, principal);
    await this.discard(id);
  }

  /** As `cancel`, for whoever cleans up. */
  async discard(id: string): Promise<void> {
    const keys = await this.parts.database.write(`upload ${id}`, (manager) => forget(manager, id));
    for (const key of keys) await this.parts.blobs.delete(key);
  }

  /**
   * The bytes of an upload that is complete.
   *
   * @throws Problem `not-found`, `upload-incomplete`, `invalid-request` for one of another proxylet
   */
  async read(
    id: string,
    name: string,
    principal: Principal,
  ): Promise<{ digest: Digest; bytes: AsyncIterable<Buffer> }> {
    const upload = await this.get(id, principal);
    if (upload.name !== name)
      throw new Problem('invalid-request', `This upload was opened for ${upload.name}, not for ${name}.`);
    if (upload.offset < upload.size) {
      throw new Problem(
        'upload-incomplete',
        `The upload has ${upload.offset} of ${upload.size} bytes; send the rest first.`,
        { extra: { offset: upload.offset, size: upload.size } },
      );
    }
    return { digest: upload.digest, bytes: this.stored(id, principal) };
  }

  private async *stored(id: string, principal: Principal): AsyncGenerator<Buffer> {
    const parts = await sql.findParts(this.parts.database.read, [id]);
    if (parts.length === 0) await this.get(id, principal);
    for (const { storage_key } of parts) {
      const stream = await this.parts.blobs.open(storage_key);
      if (stream === undefined) {
        // Published or cancelled by another request in this moment, unless it is there still.
        await this.get(id, principal);
        throw new Problem('artifact-corrupt', 'The store of this catalog has lost a part of the upload.');
      }
      yield* stream as AsyncIterable<Buffer>;
    }
  }

  private async keep(upload: UploadView, spool: Spool): Promise<UploadView> {
    const { database, blobs, clock } = this.parts;
    const { id, offset } = upload;
    const sizeBytes = spool.sizeBytes;
    const key: BlobKey = `uploads/${id}/${offset}.${randomBytes(4).toString('hex')}`;
    await blobs.put(key, await spool.finish());
    const next = { ...upload, offset: offset + sizeBytes, expiresAt: this.expiry(clock.now()) };
    const isKept = await database.write(`upload ${id}`, async (manager) => {
      const moved = await sql.advanceUpload(manager, [id, offset, next.offset, next.expiresAt]);
      if (moved.length > 0) await sql.insertPart(manager, [id, offset, sizeBytes, key]);
      return moved.length > 0;
    });
    if (isKept) return next;
    await blobs.delete(key);
    throw wrongOffset({ ...upload, ...(await this.offsetNow(id)) });
  }

  private async offsetNow(id: string): Promise<{ readonly offset?: number }> {
    const parts = await sql.findParts(this.parts.database.read, [id]);
    return parts.length === 0 ? {} : { offset: parts.reduce((sum, part) => sum + part.size_bytes, 0) };
  }

  private expiry(at: string): string {
    return new Date(Date.parse(at) + this.parts.keptMs).toISOString();
  }
}

/** An upload belongs to the publish token it was opened with: what another one may do is not lent to it. */
function tokenOf({ grant, tokenId }: Principal): string {
  return grant === undefined ? '' : (tokenId ?? '');
}

/** Deletes the rows of an upload; gives the keys of its parts, which are to be deleted after the commit. */
export async function forget(manager: EntityManager, id: string): Promise<BlobKey[]> {
  await sql.deleteUpload(manager, [id]);
  return (await sql.deleteParts(manager, [id])).map(({ storage_key }) => storage_key);
}

/** Fills a spool; returns what cut it off, if that is the sender's going away. */
async function takeUpTo(
  spool: Spool,
  bytes: AsyncIterable<Buffer>,
  maxBytes: number,
): Promise<Problem | undefined> {
  try {
    for await (const chunk of bytes) {
      if (spool.sizeBytes + chunk.byteLength > maxBytes)
        throw new Problem('archive-too-large', `The upload takes ${maxBytes} bytes more, not so many.`);
      await spool.write(chunk);
    }
    return undefined;
  } catch (error) {
    if (error instanceof Problem && error.code === 'request-cancelled') return error;
    throw error;
  }
}

function wrongOffset({ offset }: UploadView): Problem {
  return new Problem('upload-offset-mismatch', `The upload goes on at ${offset}.`, { extra: { offset } });
}
