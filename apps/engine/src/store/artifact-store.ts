import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Digest, Problem } from '@proxylet/contract';
import { onStorage } from './on-storage.js';

/**
 * Archives on the engine's disk, by digest: `sha256/ab/<hex>.tgz`. A file appears under its name whole or not at
 * all, and what is read back is checked again each time: a disk is not trusted to keep what it was given.
 */
export class ArtifactStore {
  private constructor(private readonly folder: string) {}

  /** Makes the folders and clears away what a crash left half written. */
  static async open(folder: string): Promise<ArtifactStore> {
    await mkdir(join(folder, 'sha256'), { recursive: true, mode: 0o700 });
    await rm(join(folder, 'tmp'), { recursive: true, force: true });
    await mkdir(join(folder, 'tmp'), { mode: 0o700 });
    return new ArtifactStore(folder);
  }

  async has(digest: Digest): Promise<boolean> {
    return stat(this.fileOf(digest)).then(
      (found) => found.isFile(),
      () => false,
    );
  }

  /**
   * Takes the bytes in while checking them.
   *
   * @param sizeBytes what the catalog stated; one byte more ends the transfer
   * @throws Problem `artifact-corrupt` with the difference named, `storage-unavailable`; nothing is kept then
   */
  put(
    digest: Digest,
    sizeBytes: number,
    chunks: AsyncIterable<Uint8Array>,
    onBytes: (receivedBytes: number) => void = () => undefined,
  ): Promise<void> {
    return onStorage(() => this.receive(digest, sizeBytes, chunks, onBytes));
  }

  private async receive(
    digest: Digest,
    sizeBytes: number,
    chunks: AsyncIterable<Uint8Array>,
    onBytes: (receivedBytes: number) => void,
  ): Promise<void> {
    const temporary = join(this.folder, 'tmp', randomUUID());
    const file = await open(temporary, 'wx', 0o400);
    try {
      const hash = createHash('sha256');
      let received = 0;
      for await (const chunk of chunks) {
        received += chunk.byteLength;
        if (received > sizeBytes) throw corrupt(`more than the stated ${sizeBytes} bytes arrived`);
        hash.update(chunk);
        await file.writeFile(chunk);
        onBytes(received);
      }
      if (received < sizeBytes) throw corrupt(`only ${received} of the stated ${sizeBytes} bytes arrived`);
      assertDigest(`sha256:${hash.digest('hex')}`, digest);
      await file.sync();
      await file.close();
      await this.settle(temporary, digest);
    } catch (error) {
      await file.close();
      await rm(temporary, { force: true });
      throw error;
    }
  }

  /**
   * Reads an archive and checks its digest. One that differs is removed, so that the next install fetches it anew.
   *
   * @throws Problem `artifact-corrupt` when the bytes are gone or are not those of the digest
   */
  async read(digest: Digest): Promise<Buffer> {
    const { bytes, actual } = await hashed(this.fileOf(digest));
    if (actual !== digest) {
      await rm(this.fileOf(digest), { force: true });
      assertDigest(actual, digest);
    }
    return bytes;
  }

  /** Removes every archive whose digest is not listed. Only for a moment when nothing is being installed. */
  async sweep(keep: ReadonlySet<string>): Promise<number> {
    let removed = 0;
    const root = join(this.folder, 'sha256');
    for (const shard of await readdir(root)) {
      for (const name of await readdir(join(root, shard))) {
        if (keep.has(`sha256:${name.slice(0, -'.tgz'.length)}`)) continue;
        await rm(join(root, shard, name), { force: true });
        removed += 1;
      }
    }
    return removed;
  }

  private fileOf(digest: Digest): string {
    const hex = digest.slice('sha256:'.length);
    return join(this.folder, 'sha256', hex.slice(0, 2), `${hex}.tgz`);
  }

  /** Gives the file its name, and makes both survive a loss of power. */
  private async settle(temporary: string, digest: Digest): Promise<void> {
    const target = this.fileOf(digest);
    const shard = join(target, '..');
    await mkdir(shard, { recursive: true, mode: 0o700 });
    await rename(temporary, target);
    const folder = await open(shard, 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  }
}

/** Reads in parts: hashing a large file at a stretch would hold up every call meanwhile. */
async function hashed(file: string): Promise<{ bytes: Buffer; actual: string }> {
  const hash = createHash('sha256');
  const parts: Buffer[] = [];
  try {
    for await (const part of createReadStream(file, { highWaterMark: 256 * 1024 })) {
      hash.update(part as Buffer);
      parts.push(part as Buffer);
    }
  } catch (cause) {
    throw corrupt('it cannot be read from the disk; install it again to fetch it anew', cause);
  }
  return { bytes: Buffer.concat(parts), actual: `sha256:${hash.digest('hex')}` };
}

function assertDigest(actual: string, expected: Digest): void {
  if (actual !== expected) throw corrupt(`the bytes have digest ${actual}, published was ${expected}`);
}

function corrupt(reason: string, cause?: unknown): Problem {
  return new Problem('artifact-corrupt', `The archive is not the published one: ${reason}.`, { cause });
}
