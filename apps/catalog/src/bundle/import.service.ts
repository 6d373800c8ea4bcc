import { randomBytes } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { Principal } from '@proxylet/auth';
import { parseName, Problem } from '@proxylet/contract';
import { artifactKey, type BlobKey, type BlobStore } from '../blob/blob-store.js';
import type { Clock } from '../clock.js';
import type { Database } from '../database/database.js';
import { NamespaceRow } from '../database/namespace.entity.js';
import type { Mirror } from '../mirror/mirror.js';
import { canonicalOf } from '../namespace/canonical.js';
import type { NamespaceService } from '../namespace/namespace.service.js';
import { bodyBytes } from '../publish/body.js';
import type { Intake } from '../publish/intake.js';
import { putToCommitMs } from '../publish/publisher.js';
import type { Spool, SpoolFolder } from '../publish/spool.js';
import { BytesAreGone, isPublished, type WrittenArchive } from '../publish/version-writer.js';
import { type BundleIndex, namespacesOf } from './bundle-index.js';
import { type BundledArchive, readBundle } from './bundle-reader.js';
import type { ImportJob, ImportResult, ImportWriter } from './import-writer.js';
import { buffers, streamOf } from './spooled.js';

export interface ImportParts {
  readonly database: Database;
  readonly blobs: BlobStore;
  readonly spools: SpoolFolder;
  readonly intake: Intake;
  readonly namespaces: NamespaceService;
  readonly writer: ImportWriter;
  readonly clock: Clock;
  /** Undefined where this catalog mirrors none. */
  readonly mirror: Mirror | undefined;
  readonly maxBytes: number;
}

export interface ImportRequest {
  readonly body: Readable;
  /** `Content-Length`. */
  readonly statedBytes: string | undefined;
  readonly isDryRun: boolean;
  readonly principal: Principal;
}

interface Checked {
  readonly index: BundleIndex;
  readonly fresh: readonly BundledArchive[];
}

/** Ends a dry run: the transaction is rolled back for it. */
class Taken extends Error {}

/**
 * Takes a bundle in, all of it or nothing: every archive is checked as at a publish while it arrives, then the bytes
 * are made durable, then one transaction. A second import of the same bundle changes nothing.
 */
export class ImportService {
  constructor(private readonly parts: ImportParts) {}

  /**
   * @throws Problem `bundle-*`, `archive-*`, `manifest-*`, `main-*`, `digest-mismatch`, `version-exists`, `forbidden`,
   *   `namespace-*`, `name-confusable`, `quota-exceeded`, `service-invalid`, `request-cancelled`, `storage-unavailable`
   */
  async import({ body, statedBytes, isDryRun, principal }: ImportRequest): Promise<ImportResult> {
    await using bundle = this.parts.spools.spool();
    await using lines = this.parts.spools.spool();
    const { index, fresh } = await this.check(this.received(body, statedBytes, bundle), lines, principal);
    const keys = new Map(
      fresh.map(({ digest }) => [digest, artifactKey(digest, randomBytes(8).toString('hex'))]),
    );
    const job: ImportJob = { index, principal, keys, lines };
    return isDryRun ? await this.dryRun(job) : await this.putAndWrite(await bundle.finish(), job);
  }

  /** The body as it comes, kept on the way. */
  private async *received(
    body: Readable,
    statedBytes: string | undefined,
    bundle: Spool,
  ): AsyncGenerator<Buffer> {
    const { maxBytes } = this.parts;
    const tooLarge = new Problem('bundle-too-large', `The bundle is larger than ${maxBytes} bytes.`);
    for await (const chunk of bodyBytes(body, undefined, Infinity)) {
      if (bundle.sizeBytes + chunk.byteLength > maxBytes || Number(statedBytes ?? 0) > maxBytes)
        throw tooLarge;
      await bundle.write(chunk);
      yield chunk;
    }
  }

  /** Everything that can be refused before the transaction. */
  private async check(
    source: AsyncIterable<Uint8Array>,
    lines: Spool,
    principal: Principal,
  ): Promise<Checked> {
    const { read } = this.parts.database;
    let index: BundleIndex | undefined;
    const fresh: BundledArchive[] = [];
    await readBundle(source, {
      onIndex: async (found) => {
        index = found;
        await this.authorize(found, principal);
      },
      onArchive: async (archive, bytes) => {
        const { name, version, digest } = archive;
        const written = await this.checkArchive(archive, bytes);
        if (await isPublished(read, parseName(name), version, digest)) return;
        fresh.push(archive);
        await lines.write(Buffer.from(`${JSON.stringify(written)}\n`));
      },
    });
    if (index === undefined) throw new Error('a bundle without an index was read to its end');
    return { index, fresh };
  }

  private async checkArchive(
    { name, version, digest }: BundledArchive,
    bytes: AsyncIterable<Uint8Array>,
  ): Promise<WrittenArchive> {
    try {
      await using checked = await this.parts.intake.receive(buffers(bytes), { name, version, digest });
      const { archive, sizeBytes, warnings } = checked;
      const { manifest, files, readme } = archive;
      return { version, digest, sizeBytes, warnings, archive: { manifest, digest, files, readme } };
    } catch (error) {
      if (!(error instanceof Problem) || error.code === 'request-cancelled') throw error;
      const { code, detail, errors, extra } = error;
      throw new Problem(code, `${name} ${version}: ${detail}`, { errors, extra, cause: error });
    }
  }

  /** Before any archive is read. The transaction looks again. */
  private async authorize(index: BundleIndex, principal: Principal): Promise<void> {
    const { database, mirror, namespaces } = this.parts;
    for (const namespace of namespacesOf(index)) {
      await mirror?.assertMayCreate(namespace);
      if (await database.read.existsBy(NamespaceRow, { name: namespace }))
        await namespaces.authorize(principal, 'catalog.manage-namespace', namespace);
    }
  }

  private async putAndWrite(source: string | Uint8Array, job: ImportJob): Promise<ImportResult> {
    const { keys } = job;
    const deadlineMs = performance.now() + putToCommitMs;
    let unused = [...keys.values()];
    try {
      await this.put(source, keys);
      const result = await this.write(job, () => {
        if (performance.now() > deadlineMs) throw new BytesAreGone();
      });
      unused = [];
      return result;
    } catch (error) {
      // With the storage away nobody knows whether the transaction came through; then the clean-up decides.
      if (error instanceof Problem && error.code === 'storage-unavailable') unused = [];
      throw error instanceof BytesAreGone ? tooSlow(error) : error;
    } finally {
      await Promise.allSettled(unused.map((key) => this.parts.blobs.delete(key)));
    }
  }

  private async put(source: string | Uint8Array, keys: ReadonlyMap<string, BlobKey>): Promise<void> {
    const { blobs, spools } = this.parts;
    await readBundle(streamOf(source), {
      onIndex: () => Promise.resolve(),
      onArchive: async ({ digest }, bytes) => {
        await using spool = spools.spool();
        for await (const chunk of buffers(bytes)) await spool.write(chunk);
        const key = keys.get(digest);
        if (key !== undefined) await blobs.put(key, await spool.finish());
      },
    });
  }

  private async dryRun(job: ImportJob): Promise<ImportResult> {
    let result: ImportResult | undefined;
    try {
      await this.write(job, (done) => {
        result = done;
        throw new Taken();
      });
    } catch (error) {
      if (!(error instanceof Taken)) throw error;
    }
    if (result === undefined) throw new Error('a dry run came to no end');
    return result;
  }

  /** @param last called inside the transaction, when all was written */
  private async write(job: ImportJob, last: (result: ImportResult) => void): Promise<ImportResult> {
    const { index } = job;
    const { database, writer, clock } = this.parts;
    const topics = [
      ...namespacesOf(index).map((name) => `namespace ${canonicalOf(name)}`),
      ...index.proxylets.map(({ name }) => `proxylet ${name}`),
      ...index.services.map(({ name }) => `service ${name}`),
    ];
    return await database.write(topics, async (manager) => {
      const result = await writer.write(manager, job, clock.now());
      last(result);
      return result;
    });
  }
}

function tooSlow(cause: unknown): Problem {
  return new Problem('storage-unavailable', 'Storing the archives took too long; nothing was imported.', {
    cause,
    retryAfterSeconds: 30,
  });
}
