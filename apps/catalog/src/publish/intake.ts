import {
  type ArchiveLimits,
  type ExtractedMain,
  extractMain,
  MainChecker,
  type MainWarning,
} from '@proxylet/artifact';
import { type Digest, type Manifest, Problem } from '@proxylet/contract';
import { asStorageProblem } from '../database/storage-fault.js';
import { assertAddress } from './archive-checks.js';
import type { SpoolFolder } from './spool.js';

/** What an archive must turn out to be. */
export interface Expected {
  /** `namespace/name` */
  readonly name: string;
  readonly version: string;
  readonly digest?: Digest | undefined;
  /** As far as it is known beforehand; what arrives counts. */
  readonly sizeBytes?: number | undefined;
}

/** An archive that arrived whole and passed every check; not yet part of the catalog. */
export interface CheckedArchive extends AsyncDisposable {
  readonly name: string;
  readonly version: string;
  readonly digest: Digest;
  readonly sizeBytes: number;
  /** Without its code: many archives may wait for one transaction. */
  readonly archive: Omit<ExtractedMain, 'main' | 'sourceMap'>;
  readonly warnings: readonly MainWarning[];
  /** The bytes, or the path of a file with them. */
  readonly source: string | Uint8Array;
}

/** Takes archives in: digests, checks and keeps the bytes while they arrive, and stops at the first fault. */
export class Intake {
  constructor(
    private readonly folder: SpoolFolder,
    private readonly checker: MainChecker,
    readonly limits: ArchiveLimits,
  ) {}

  /**
   * @throws Problem `archive-*`, `manifest-*`, `main-*`, `digest-mismatch`, `storage-unavailable`; whatever the source
   *   throws. Nothing is left then.
   */
  async receive(bytes: AsyncIterable<Buffer>, expected: Expected): Promise<CheckedArchive> {
    const { name, version } = expected;
    const spool = this.folder.spool();
    async function* kept(): AsyncGenerator<Buffer> {
      for await (const chunk of bytes) {
        await spool.write(chunk);
        yield chunk;
      }
    }
    const onManifest = (manifest: Manifest): void => {
      assertAddress(manifest, name, version);
    };
    try {
      const arriving = isSmall(expected.sizeBytes) ? await whole(kept()) : kept();
      const options = { limits: this.limits, onManifest, withSourceMap: false };
      const { main, sourceMap: _none, ...archive } = await extractMain(arriving, options);
      const { digest, packedBytes: sizeBytes } = archive;
      assertDigest(digest, expected.digest);
      const warnings = await this.checker.check(main, archive.manifest.main, archive.manifest.capabilities);
      const source = await spool.finish();
      const dispose = () => spool[Symbol.asyncDispose]();
      return { name, version, digest, sizeBytes, archive, warnings, source, [Symbol.asyncDispose]: dispose };
    } catch (error) {
      await spool[Symbol.asyncDispose]();
      throw asStorageProblem(error);
    }
  }
}

/** What fits into a few packets arrives at once: looking at it piece by piece would only cost time. */
const smallBytes = 64 * 1024;

function isSmall(sizeBytes = Number.POSITIVE_INFINITY): boolean {
  return sizeBytes <= smallBytes;
}

async function whole(bytes: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of bytes) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function assertDigest(digest: Digest, expected: Digest | undefined): void {
  if (expected === undefined || expected === digest) return;
  throw new Problem(
    'digest-mismatch',
    `The bytes that arrived have the digest ${digest}, stated was ${expected}.`,
  );
}
