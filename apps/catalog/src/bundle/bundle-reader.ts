import { createHash } from 'node:crypto';
import { defaultLimits, type TarEntry, tarEntries } from '@proxylet/artifact';
import { Problem } from '@proxylet/contract';
import {
  blobPath,
  bundleIndex,
  type BundledVersion,
  type BundleIndex,
  indexMaxBytes,
  indexPath,
  maxVersions,
  sumsPath,
} from './bundle-index.js';
import { sumLine } from './bundle-writer.js';

/** A version of a bundle. */
export interface BundledArchive extends BundledVersion {
  /** `namespace/name` */
  readonly name: string;
}

export interface BundleHandlers {
  /** Before anything else of the bundle is looked at. */
  readonly onIndex: (index: BundleIndex) => Promise<void>;
  /** Must read the bytes to their end, and sees to it that they have the digest. */
  readonly onArchive: (archive: BundledArchive, bytes: AsyncIterable<Uint8Array>) => Promise<void>;
}

/**
 * Reads a bundle that anybody may have made, in one pass and bounded memory.
 *
 * @throws Problem `bundle-invalid`, `archive-invalid` and such of the tar, and what the handlers throw
 */
export async function readBundle(source: AsyncIterable<Uint8Array>, handlers: BundleHandlers): Promise<void> {
  const limits = { ...defaultLimits, entries: maxVersions + 2 };
  let reading: Reading | undefined;
  for await (const entry of tarEntries(source, limits)) {
    if (!entry.isFile) throw invalid(`${quoted(entry.path)} is not a file`);
    if (reading === undefined) {
      reading = new Reading(await readIndex(entry), handlers);
      await handlers.onIndex(reading.index);
    } else await reading.take(entry);
  }
  if (reading?.isWhole !== true) throw invalid('it ends before its last part');
}

class Reading {
  private readonly expected: BundledArchive[];
  private readonly sums: string[];
  private next = 0;
  isWhole = false;

  constructor(
    readonly index: BundleIndex & { readonly sum: string },
    private readonly handlers: BundleHandlers,
  ) {
    this.expected = index.proxylets.flatMap(({ name, versions }) =>
      versions.map((version) => Object.assign({ name }, version)),
    );
    this.sums = [sumLine(index.sum, indexPath)];
  }

  async take(entry: TarEntry): Promise<void> {
    if (this.isWhole) throw invalid('it goes on after its last part');
    const archive = this.expected[this.next];
    if (archive === undefined) return await this.finish(entry);
    const path = blobPath(archive.digest);
    if (entry.path !== path) throw invalid(`${quoted(entry.path)} stands where ${quoted(path)} belongs`);
    if (entry.sizeBytes !== archive.sizeBytes)
      throw invalid(`${quoted(path)} has another size than the index says`);
    this.next += 1;
    this.sums.push(sumLine(archive.digest.slice('sha256:'.length), path));
    await this.handlers.onArchive(archive, entry.content);
  }

  private async finish(entry: TarEntry): Promise<void> {
    const expected = Buffer.from(this.sums.join(''));
    if (entry.path !== sumsPath || entry.sizeBytes !== expected.byteLength)
      throw invalid(`${quoted(entry.path)} stands where ${quoted(sumsPath)} belongs`);
    const sums = await wholeOf(entry);
    if (!sums.equals(expected)) throw invalid('its sums are not those of what is in it');
    this.isWhole = true;
  }
}

async function readIndex(entry: TarEntry): Promise<BundleIndex & { readonly sum: string }> {
  if (entry.path !== indexPath)
    throw invalid(`${quoted(entry.path)} stands where ${quoted(indexPath)} belongs`);
  if (entry.sizeBytes > indexMaxBytes) throw invalid(`its index is larger than ${indexMaxBytes} bytes`);
  const bytes = await wholeOf(entry);
  const parsed = bundleIndex.safeParse(jsonOf(bytes));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw invalid(`its index is not as agreed at /${issue?.path.join('/') ?? ''}: ${issue?.message ?? ''}`);
  }
  return { ...parsed.data, sum: createHash('sha256').update(bytes).digest('hex') };
}

function jsonOf(bytes: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw invalid('its index is not JSON');
  }
}

async function wholeOf({ content }: TarEntry): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of content) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

function invalid(reason: string): Problem {
  return new Problem('bundle-invalid', `This is not a bundle as the catalog exports it: ${reason}.`);
}

function quoted(path: string): string {
  return JSON.stringify(path.slice(0, 120));
}
