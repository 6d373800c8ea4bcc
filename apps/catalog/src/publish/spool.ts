import { randomUUID } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { onStorage } from '../database/storage-fault.js';

/** Up to this size bytes stay in memory until they go to the store. */
const memoryBytes = 256 * 1024;

/** Bytes that arrived and are nobody's yet: in memory, or in a file where they are many. */
export class Spool implements AsyncDisposable {
  private chunks: Buffer[] = [];
  private file: FileHandle | undefined;
  sizeBytes = 0;

  constructor(private readonly path: string) {}

  /** @throws Problem `storage-unavailable` */
  async write(chunk: Buffer): Promise<void> {
    this.sizeBytes += chunk.byteLength;
    if (this.file === undefined && this.sizeBytes <= memoryBytes) {
      this.chunks.push(chunk);
      return;
    }
    await onStorage(async () => {
      this.file ??= await open(this.path, 'wx', 0o600);
      for (const part of [...this.chunks, chunk]) await this.file.writeFile(part);
      this.chunks = [];
    });
  }

  /** All that was written: bytes, or the path of a file that is there until the spool is disposed of. */
  async finish(): Promise<string | Uint8Array> {
    if (this.file === undefined) return Buffer.concat(this.chunks);
    await this.close();
    return this.path;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.chunks = [];
    if (this.file === undefined) return;
    await this.close();
    await rm(this.path, { force: true });
  }

  private async close(): Promise<void> {
    await onStorage(async () => this.file?.close());
  }
}

/**
 * The folder of spools. It lies beside the blobs, so that a file gets there by a rename. What is in it when a process
 * starts belongs to nobody: an earlier one died with uploads under way.
 */
export class SpoolFolder {
  constructor(private readonly folder: string) {}

  /** Makes the folder and clears it. */
  async open(): Promise<void> {
    await onStorage(async () => {
      await mkdir(this.folder, { recursive: true });
      for (const name of await readdir(this.folder)) await rm(join(this.folder, name), { force: true });
    });
  }

  spool(): Spool {
    return new Spool(join(this.folder, randomUUID()));
  }
}
