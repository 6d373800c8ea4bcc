import { type FileHandle, mkdir, open, opendir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { type Digest, isDigest } from '@proxylet/contract';
import { onStorage } from '../database/storage-fault.js';
import type { BlobInfo, BlobStore, ByteRange } from './blob-store.js';
import { assertFileDigest } from './file-digest.js';

/**
 * Blobs as files `sha256/ab/<hex>` of a folder. A file gets its name by a rename after its bytes reached the disk,
 * so a name always stands for all the bytes. Files to put must lie on the same file system.
 */
export class FolderBlobStore implements BlobStore {
  constructor(private readonly folder: string) {}

  async put(file: string, digest: Digest): Promise<void> {
    await onStorage(async () => {
      await assertFileDigest(file, digest);
      await sync(file);
      const target = this.pathOf(digest);
      await this.makeFolder(dirname(target));
      await rename(file, target);
      await sync(dirname(target));
    });
  }

  async open(digest: Digest, range?: ByteRange): Promise<Readable | undefined> {
    return await onStorage(async () => {
      const handle = await this.find(() => open(this.pathOf(digest), 'r'));
      return handle?.createReadStream({ ...range, highWaterMark: 256 * 1024 });
    });
  }

  async head(digest: Digest): Promise<BlobInfo | undefined> {
    return await onStorage(async () => {
      const stats = await this.find(() => stat(this.pathOf(digest)));
      return stats === undefined ? undefined : { digest, sizeBytes: stats.size };
    });
  }

  async delete(digest: Digest): Promise<void> {
    await onStorage(() => rm(this.pathOf(digest), { force: true }));
  }

  async *list(): AsyncGenerator<BlobInfo> {
    const root = join(this.folder, 'sha256');
    for (const prefix of await onStorage(() => namesIn(root))) {
      for (const hex of await onStorage(() => namesIn(join(root, prefix)))) {
        const digest = `sha256:${hex}`;
        const info = isDigest(digest) ? await this.head(digest) : undefined;
        if (info !== undefined) yield info;
      }
    }
  }

  async probe(): Promise<void> {
    await onStorage(async () => {
      const file = join(this.folder, `probe-${process.pid}`);
      await mkdir(this.folder, { recursive: true });
      await writeFile(file, 'ready');
      await rm(file);
    });
  }

  private pathOf(digest: Digest): string {
    const hex = digest.slice('sha256:'.length);
    return join(this.folder, 'sha256', hex.slice(0, 2), hex);
  }

  /** A new folder is durable only when its parent is synced too. */
  private async makeFolder(folder: string): Promise<void> {
    const first = await mkdir(folder, { recursive: true });
    if (first === undefined) return;
    for (let made = folder; made.length >= first.length; made = dirname(made)) await sync(dirname(made));
  }

  /** Only the blob itself may be missing; a store whose folder is gone is a fault. */
  private async find<T>(look: () => Promise<T>): Promise<T | undefined> {
    try {
      return await look();
    } catch (error) {
      if (!isMissing(error)) throw error;
      await stat(this.folder);
      return undefined;
    }
  }
}

async function sync(path: string): Promise<void> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, 'r');
    await handle.sync();
  } finally {
    await handle?.close();
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    const names: string[] = [];
    for await (const entry of await opendir(folder)) names.push(entry.name);
    return names.toSorted();
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
