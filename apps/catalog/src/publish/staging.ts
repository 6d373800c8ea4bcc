import { createHash, randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Digest, Problem } from '@proxylet/contract';
import { asStorageProblem, onStorage } from '../database/storage-fault.js';

/** An upload that arrived whole, not yet part of the catalog. */
export interface StagedArchive extends AsyncDisposable {
  readonly file: string;
  readonly digest: Digest;
  readonly sizeBytes: number;
}

/**
 * Takes uploads into files of a folder beside the blobs. What is in the folder belongs to nobody when a process
 * starts: an earlier one died with uploads under way.
 */
export class Staging {
  constructor(
    private readonly folder: string,
    private readonly maxBytes: number,
  ) {}

  /** Makes the folder and clears it. */
  async open(): Promise<void> {
    await onStorage(async () => {
      await mkdir(this.folder, { recursive: true });
      for (const name of await readdir(this.folder)) await rm(join(this.folder, name), { force: true });
    });
  }

  /**
   * Writes a body to a file while digesting it; disposing of the result deletes the file. A body that ends early or
   * fails leaves nothing.
   *
   * @throws Problem `archive-too-large`, `request-cancelled`, `storage-unavailable`
   */
  async receive(body: Readable): Promise<StagedArchive> {
    const file = join(this.folder, randomUUID());
    const hash = createHash('sha256');
    let sizeBytes = 0;
    const { maxBytes } = this;
    async function* measured(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
      for await (const chunk of source) {
        sizeBytes += chunk.byteLength;
        if (sizeBytes > maxBytes)
          throw new Problem('archive-too-large', `The archive is larger than ${maxBytes} bytes.`);
        hash.update(chunk);
        yield chunk;
      }
    }
    const discard = () => rm(file, { force: true });
    try {
      await pipeline(body, measured, createWriteStream(file, { flags: 'wx', mode: 0o600 }));
    } catch (error) {
      await discard();
      throw isCutOff(error, body)
        ? new Problem('request-cancelled', 'The upload ended before it was complete.', { cause: error })
        : asStorageProblem(error);
    }
    return { file, digest: `sha256:${hash.digest('hex')}`, sizeBytes, [Symbol.asyncDispose]: discard };
  }
}

/** The body's own failure, as opposed to one of the disk; a reset connection has the code of a dead store. */
function isCutOff(error: unknown, body: Readable): boolean {
  if (error instanceof Problem) return false;
  return (
    body.errored === error ||
    (error instanceof Error && 'code' in error && error.code === 'ERR_STREAM_PREMATURE_CLOSE')
  );
}
