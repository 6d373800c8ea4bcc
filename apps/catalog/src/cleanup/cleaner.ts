import {
  artifactKey,
  type BlobArea,
  type BlobInfo,
  type BlobKey,
  type BlobStore,
} from '../blob/blob-store.js';
import type { Clock } from '../clock.js';
import type { Database } from '../database/database.js';
import type { Digest } from '@proxylet/contract';
import type { KeysUnderWay } from '../publish/keys-under-way.js';
import { putToCommitMs } from '../publish/publisher.js';
import { forgetEnded } from '../tokens/token-store.js';
import { findExpired } from '../upload/upload-sql.js';
import type { UploadService } from '../upload/upload.service.js';
import * as sql from './cleanup-sql.js';

/** What a clean-up deleted, or would have. */
export interface CleanupReport {
  readonly dryRun: boolean;
  /** Bytes in the store nothing refers to: of publishes that died before their transaction. */
  readonly orphans: number;
  readonly orphanBytes: number;
  /** Archives no version needs. */
  readonly unneeded: number;
  readonly unneededBytes: number;
  /** Uploads nobody went on with, and parts of none. */
  readonly uploads: number;
  readonly uploadParts: number;
  /** Idempotency keys older than a day. */
  readonly answers: number;
  /** Publish tokens that ended long ago. */
  readonly tokens: number;
}
type Counts = { -readonly [Member in keyof CleanupReport]: CleanupReport[Member] };

export interface CleanupOptions {
  readonly dryRun: boolean;
  /** What is younger is left alone. */
  readonly graceMs: number;
}

const batch = 500;
const answersKeptMs = 24 * 3_600_000;
/** A part comes into the store before its row. */
const partsGraceMs = 10 * 60_000;
/** How long a key stays taken after its bytes went: longer than any publish that put it can still want to refer to it. */
const claimMs = 3 * putToCommitMs;

/**
 * Deletes what nothing refers to. References are what rows say, never what a listing says. Deleting and publishing
 * meet at the row of a key: whichever writes it first wins, and the other notices. May run at several catalogs at
 * once, and be cut off anywhere: what was left is found the next time.
 */
export class Cleaner {
  private isStopped = false;

  constructor(
    private readonly database: Database,
    private readonly blobs: BlobStore,
    private readonly uploads: UploadService,
    private readonly clock: Clock,
    private readonly underWay: KeysUnderWay,
  ) {}

  /** @throws Problem `storage-unavailable` */
  async run(options: CleanupOptions): Promise<CleanupReport> {
    const counts: Counts = {
      dryRun: options.dryRun,
      orphans: 0,
      orphanBytes: 0,
      unneeded: 0,
      unneededBytes: 0,
      uploads: 0,
      uploadParts: 0,
      answers: 0,
      tokens: 0,
    };
    await this.dropUploads(options, counts);
    for await (const infos of this.batches('uploads/', Math.max(options.graceMs, partsGraceMs)))
      await this.dropParts(infos, options, counts);
    await this.markUnneeded(options, counts);
    for await (const infos of this.batches('sha256/', options.graceMs))
      await this.dropOrphans(infos, options, counts);
    if (!options.dryRun) await this.finish(counts);
    return counts;
  }

  /** Lets a run under way end after the batch it is at. */
  stop(): void {
    this.isStopped = true;
  }

  private async dropUploads({ dryRun }: CleanupOptions, counts: Counts): Promise<void> {
    for (;;) {
      const expired = await findExpired(this.database.read, [this.clock.now(), batch]);
      counts.uploads += expired.length;
      if (!dryRun) for (const { id } of expired) await this.uploads.discard(id);
      if (dryRun || this.isStopped || expired.length < batch) return;
    }
  }

  private async dropParts(
    infos: readonly BlobInfo[],
    { dryRun }: CleanupOptions,
    counts: Counts,
  ): Promise<void> {
    const rows = await sql.findPartsOf(this.database.read, [keysOf(infos)]);
    const known = new Set(rows.map(({ storage_key }) => storage_key));
    const loose = infos.filter(({ key }) => !known.has(key));
    counts.uploadParts += loose.length;
    if (!dryRun) for (const { key } of loose) await this.blobs.delete(key);
  }

  /** Page by page, so that no query holds up the requests meanwhile. */
  private async markUnneeded({ dryRun, graceMs }: CleanupOptions, counts: Counts): Promise<void> {
    const before = this.before(graceMs);
    let after = '';
    for (;;) {
      const rows = await sql.pageOfBlobs(this.database.read, [after, batch]);
      for (const row of rows) {
        const isUnneeded = row.state === 'live' && Number(row.is_needed) === 0 && row.last_ref_at <= before;
        if (!isUnneeded || !(dryRun || (await this.mark(row.digest, before)))) continue;
        counts.unneeded += 1;
        counts.unneededBytes += row.size_bytes;
        if (!dryRun) await this.blobs.delete(row.storage_key ?? artifactKey(row.digest as Digest));
      }
      const last = rows.at(-1);
      if (last === undefined || this.isStopped || rows.length < batch) return;
      after = last.digest;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  private async mark(digest: string, before: string): Promise<boolean> {
    const marked = await this.database.write('cleanup', (manager) =>
      sql.markDeleting(manager, [digest, before, this.leaseUntil()]),
    );
    return marked.length > 0;
  }

  private async dropOrphans(
    infos: readonly BlobInfo[],
    { dryRun }: CleanupOptions,
    counts: Counts,
  ): Promise<void> {
    const rows = await sql.findReferences(this.database.read, [keysOf(infos)]);
    const states = new Map(rows.map(({ storage_key, state }) => [storage_key, state]));
    const loose = infos.filter(({ key }) => !states.has(key));
    const claimed = dryRun ? new Set(loose.map(({ key }) => key)) : await this.claim(loose);
    for (const { key, sizeBytes } of infos) {
      if (claimed.has(key)) {
        counts.orphans += 1;
        counts.orphanBytes += sizeBytes;
      }
      // Also what an earlier run had taken and did not come to delete.
      if (!dryRun && (claimed.has(key) || states.get(key) === 'deleting')) await this.blobs.delete(key);
    }
  }

  private async claim(infos: readonly BlobInfo[]): Promise<Set<BlobKey>> {
    if (infos.length === 0) return new Set();
    const taken = await this.database.write('cleanup', (manager) =>
      sql.claimKeys(manager, [keysOf(infos), this.clock.now(), this.leaseUntil()]),
    );
    return new Set(taken.map(({ storage_key }) => storage_key));
  }

  private async finish(counts: Counts): Promise<void> {
    const now = this.clock.now();
    const answers = await this.database.write('cleanup', (manager) =>
      sql.forgetAnswers(manager, [this.before(answersKeptMs)]),
    );
    counts.answers = answers.length;
    counts.tokens = await this.database.write('cleanup', (manager) => forgetEnded(manager, now));
    for (;;) {
      const over = await sql.findOver(this.database.read, [now, batch]);
      for (const { digest, storage_key: key } of over) {
        await this.blobs.delete(key ?? artifactKey(digest as Digest));
        await this.database.write('cleanup', (manager) => sql.dropOver(manager, [digest, now]));
      }
      if (this.isStopped || over.length < batch) return;
    }
  }

  private async *batches(area: BlobArea, graceMs: number): AsyncGenerator<readonly BlobInfo[]> {
    const youngestMs = Date.now() - graceMs;
    let infos: BlobInfo[] = [];
    for await (const info of this.blobs.list(area)) {
      if (info.modifiedAtMs <= youngestMs && !this.underWay.has(info.key)) infos.push(info);
      if (this.isStopped) return;
      if (infos.length < batch) continue;
      yield infos;
      infos = [];
    }
    if (infos.length > 0) yield infos;
  }

  private before(agoMs: number): string {
    return new Date(Date.parse(this.clock.now()) - agoMs).toISOString();
  }

  private leaseUntil(): string {
    return new Date(Date.parse(this.clock.now()) + claimMs).toISOString();
  }
}

function keysOf(infos: readonly BlobInfo[]): string {
  return JSON.stringify(infos.map(({ key }) => key));
}
