import type { ArchiveLimits } from './limits.js';
import { archiveInvalid, archiveTooLarge, entryRefused } from './refusal.js';
import { blockBytes, decodeHeader, decodePax, decodeText, type TarHeader } from './tar-header.js';

export interface TarEntry {
  readonly path: string;
  readonly isFile: boolean;
  readonly sizeBytes: number;
  /** Must be read to its end before the next entry is asked for. */
  readonly content: AsyncIterable<Uint8Array>;
}

/** An extension header holds a path and harmless attributes; more than this is an attack. */
const extensionMaxBytes = 64 * 1024;

const refusedTypes: Readonly<Record<string, string>> = {
  '1': 'is a hard link',
  '2': 'is a symbolic link',
  '3': 'is a character device',
  '4': 'is a block device',
  '6': 'is a pipe',
  K: 'has a link name',
  S: 'is a sparse file',
};

/**
 * The members of a tar stream, one at a time, in constant memory. Accepts POSIX ustar and pax and what GNU tar
 * writes for ordinary files and directories.
 *
 * @throws Problem `archive-invalid`, `archive-entry-refused`, `archive-too-large`
 */
export async function* tarEntries(
  source: AsyncIterable<Uint8Array>,
  limits: ArchiveLimits,
): AsyncGenerator<TarEntry> {
  const input = new ByteReader(source[Symbol.asyncIterator]());
  let longPath: string | undefined;
  let pax: ReturnType<typeof decodePax> | undefined;
  for (let members = 1; ; members += 1) {
    const block = await input.exactly(blockBytes);
    if (isZero(block)) break;
    if (members > limits.entries)
      throw archiveTooLarge(`The archive has more than ${limits.entries} entries.`, 'entry-count');
    const header = decodeHeader(block);
    if (isExtension(header)) {
      if ((longPath ?? pax) !== undefined)
        throw archiveInvalid('The archive has two extension headers in a row.', 'pax-header');
      const bytes = await extension(input, header);
      if (header.type === 'L') longPath = decodeText(withoutLastNul(bytes), 'a long-name header');
      else if (header.type === 'x') pax = decodePax(bytes);
      else assertHarmlessGlobal(bytes);
      continue;
    }
    yield* entryOf(input, header, longPath ?? pax?.path ?? header.path, pax?.size);
    longPath = undefined;
    pax = undefined;
  }
  if ((longPath ?? pax) !== undefined)
    throw archiveInvalid('The archive ends after an extension header.', 'pax-header');
  await assertOnlyZeros(input);
}

function isExtension({ type }: TarHeader): boolean {
  return type === 'x' || type === 'g' || type === 'L';
}

async function extension(input: ByteReader, header: TarHeader): Promise<Buffer> {
  if (header.sizeBytes > extensionMaxBytes)
    throw archiveInvalid('The archive has an extension header that is too long.', 'pax-header');
  const bytes = await input.exactly(header.sizeBytes);
  await input.exactly(paddingOf(header.sizeBytes));
  return bytes;
}

function assertHarmlessGlobal(bytes: Buffer): void {
  const { path, size } = decodePax(bytes);
  if ((path ?? size) !== undefined) {
    throw archiveInvalid(
      'The archive has a pax header that gives all its entries one path or size.',
      'pax-header',
    );
  }
}

async function* entryOf(
  input: ByteReader,
  header: TarHeader,
  path: string,
  paxSize: string | undefined,
): AsyncGenerator<TarEntry> {
  const { type, sizeBytes } = header;
  const isDirectory = type === '5';
  if (type !== '0' && !isDirectory) {
    const rule = type === '1' || type === '2' || type === 'K' ? 'link' : 'special-file';
    throw entryRefused(path, refusedTypes[type] ?? 'is not a regular file', rule);
  }
  if (paxSize !== undefined && paxSize !== String(sizeBytes)) {
    throw entryRefused(path, 'has two different sizes in its headers', 'pax-header');
  }
  if (isDirectory && sizeBytes > 0) throw entryRefused(path, 'is a directory with content', 'tar-ambiguous');
  yield { path, isFile: !isDirectory, sizeBytes, content: input.upTo(sizeBytes) };
  await input.exactly(paddingOf(sizeBytes));
}

/** Two zero blocks end an archive; writers pad on. Anything else there is what another reader might take for entries. */
async function assertOnlyZeros(input: ByteReader): Promise<void> {
  if (!isZero(await input.exactly(blockBytes)))
    throw archiveInvalid('The archive goes on after its end mark.', 'tar-trailing-bytes');
  for await (const chunk of input.rest()) {
    if (!isZero(chunk)) throw archiveInvalid('The archive goes on after its end mark.', 'tar-trailing-bytes');
  }
}

function withoutLastNul(bytes: Buffer): Buffer {
  return bytes.at(-1) === 0 ? bytes.subarray(0, -1) : bytes;
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}

export function paddingOf(sizeBytes: number): number {
  return (blockBytes - (sizeBytes % blockBytes)) % blockBytes;
}

class ByteReader {
  private pending: Uint8Array = new Uint8Array(0);

  constructor(private readonly source: AsyncIterator<Uint8Array>) {}

  /** @throws Problem `archive-invalid` where the input ends before */
  async exactly(length: number): Promise<Buffer> {
    if (this.pending.byteLength >= length) return Buffer.from(this.cut(length));
    const parts: Uint8Array[] = [];
    for await (const part of this.upTo(length)) parts.push(part);
    return Buffer.concat(parts);
  }

  async *upTo(length: number): AsyncGenerator<Uint8Array> {
    let missing = length;
    while (missing > 0) {
      if (this.pending.byteLength === 0 && !(await this.refill())) {
        throw archiveInvalid('The archive ends in the middle of an entry.', 'tar-incomplete');
      }
      const part = this.cut(Math.min(missing, this.pending.byteLength));
      missing -= part.byteLength;
      yield part;
    }
  }

  async *rest(): AsyncGenerator<Uint8Array> {
    do yield this.cut(this.pending.byteLength);
    while (await this.refill());
  }

  private cut(length: number): Uint8Array {
    const part = this.pending.subarray(0, length);
    this.pending = this.pending.subarray(length);
    return part;
  }

  private async refill(): Promise<boolean> {
    const next = await this.source.next();
    if (next.done === true) return false;
    this.pending = next.value;
    return true;
  }
}
