import { mkdir, open, opendir, rename, rm, rmdir, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { onStorage } from '../database/storage-fault.js';
import { OpenFolders, fs, writeDurably } from './durable-files.js';
import {
  type BlobArea,
  type BlobInfo,
  type BlobKey,
  type BlobStore,
  type ByteRange,
  isBlobKey,
} from './blob-store.js';

/**
 * Blobs as files of a folder, named by their keys. As a key is used once and referred to only after its bytes
 * reached the disk, a file that a power cut left short is nobody's. Files to put must lie on the same file system.
 */
export class FolderBlobStore implements BlobStore {
  private readonly folders = new OpenFolders();

  constructor(private readonly folder: string) {}

  async put(key: BlobKey, source: string | Uint8Array): Promise<void> {
    await onStorage(async () => {
      const target = join(this.folder, key);
      const parent = await this.folders.use(dirname(target));
      try {
        if (typeof source === 'string') await rename(source, target);
        await writeDurably(target, typeof source === 'string' ? undefined : source);
        await fs.fsync(parent.file);
      } catch (error) {
        // Somebody may have taken the folder away.
        this.folders.forget(dirname(target));
        throw error;
      } finally {
        // Those of uploads come and go.
        if (key.startsWith('uploads/')) this.folders.forget(dirname(target));
        await this.folders.release(parent);
      }
    });
  }

  async open(key: BlobKey, range?: ByteRange): Promise<Readable | undefined> {
    return await onStorage(async () => {
      const handle = await this.find(() => open(join(this.folder, key), 'r'));
      return handle?.createReadStream({ ...range, highWaterMark: 256 * 1024 });
    });
  }

  async head(key: BlobKey): Promise<BlobInfo | undefined> {
    return await onStorage(async () => {
      const stats = await this.find(() => stat(join(this.folder, key)));
      return stats === undefined ? undefined : { key, sizeBytes: stats.size, modifiedAtMs: stats.mtimeMs };
    });
  }

  async delete(key: BlobKey): Promise<void> {
    await onStorage(async () => {
      await rm(join(this.folder, key), { force: true });
      if (key.startsWith('uploads/')) await this.removeEmpty(dirname(join(this.folder, key)));
    });
  }

  async *list(area: BlobArea): AsyncGenerator<BlobInfo> {
    for (const below of await onStorage(() => namesIn(join(this.folder, area)))) {
      for (const name of await onStorage(() => namesIn(join(this.folder, area, below)))) {
        const key = `${area}${below}/${name}`;
        const info = isBlobKey(key) ? await this.head(key) : undefined;
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

  private async removeEmpty(folder: string): Promise<void> {
    try {
      await rmdir(folder);
    } catch (error) {
      if (!isOneOf(error, 'ENOTEMPTY', 'ENOENT', 'EEXIST')) throw error;
    }
  }

  /** Only the blob itself may be missing; a store whose folder is gone is a fault. */
  private async find<T>(look: () => Promise<T>): Promise<T | undefined> {
    try {
      return await look();
    } catch (error) {
      if (!isOneOf(error, 'ENOENT')) throw error;
      await stat(this.folder);
      return undefined;
    }
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    const names: string[] = [];
    for await (const entry of await opendir(folder)) names.push(entry.name);
    return names.toSorted();
  } catch (error) {
    if (isOneOf(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
}

function isOneOf(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code));
}
