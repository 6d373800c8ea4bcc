import { createHash, type Hash } from 'node:crypto';
import { pipeline } from 'node:stream/promises';
import { crc32, createInflateRaw, inflateRawSync } from 'node:zlib';
import type { Digest } from '@proxylet/contract';
import type { ArchiveLimits } from './limits.js';
import { archiveInvalid, archiveTooLarge } from './refusal.js';

const outputChunkBytes = 64 * 1024;
const headerMaxBytes = 1024;
const trailerBytes = 8;
const flag = { headerCrc: 2, extra: 4, name: 8, comment: 16, reserved: 0xe0 };

/** The packed side: counts, digests, and keeps the last eight bytes, where a gzip member has its trailer. */
export class PackedBytes {
  bytes = 0;
  headerBytes = 0;
  private readonly hash: Hash = createHash('sha256');
  private lastBytes = Buffer.alloc(0);

  constructor(private readonly limits: ArchiveLimits) {}

  take(chunk: Uint8Array): void {
    this.bytes += chunk.byteLength;
    if (this.bytes > this.limits.packedBytes) {
      throw archiveTooLarge(`The archive is larger than ${this.limits.packedBytes} bytes.`, 'packed-size');
    }
    this.hash.update(chunk);
    this.lastBytes = Buffer.concat([this.lastBytes, chunk.subarray(-trailerBytes)]).subarray(-trailerBytes);
  }

  get trailer(): { readonly crc: number; readonly sizeModulo: number } {
    return { crc: this.lastBytes.readUInt32LE(0), sizeModulo: this.lastBytes.readUInt32LE(4) };
  }

  digest(): Digest {
    return `sha256:${this.hash.digest('hex')}`;
  }
}

/**
 * Decompresses exactly one gzip member that is the whole input. `node:zlib`'s own gunzip goes on silently with a
 * second member and drops bytes after the last, so two readers could see two archives in the same bytes; hence
 * the raw inflater, with header and trailer read here.
 *
 * @throws Problem `archive-invalid`, `archive-too-large`; an error of the source passes through as it is
 */
export async function* gunzip(
  source: AsyncIterable<Uint8Array>,
  packed: PackedBytes,
  limits: ArchiveLimits,
): AsyncGenerator<Uint8Array> {
  const inflater = createInflateRaw({ chunkSize: outputChunkBytes });
  const feeding = pipeline(withoutHeader(source, packed), inflater);
  // The same failure also ends the loop below; this only keeps it from counting as unhandled.
  feeding.catch(() => undefined);
  let unpackedBytes = 0;
  let crc = 0;
  try {
    // Not destroyed at its end: the bytes behind the deflated ones are still to be counted.
    for await (const chunk of inflater.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      unpackedBytes += chunk.byteLength;
      assertBounded(unpackedBytes, inflater.bytesWritten, limits);
      crc = crc32(chunk, crc);
      yield chunk;
    }
    await feeding;
  } catch (error) {
    if (isZlibError(error))
      throw archiveInvalid('The archive is not a complete gzip file.', 'gzip-incomplete', error);
    throw error;
  } finally {
    inflater.destroy();
  }
  assertEnd(packed, inflater.bytesWritten, crc, unpackedBytes);
}

function assertBounded(unpackedBytes: number, consumedBytes: number, limits: ArchiveLimits): void {
  if (unpackedBytes > limits.unpackedBytes) {
    throw archiveTooLarge(`The archive unpacks to more than ${limits.unpackedBytes} bytes.`, 'unpacked-size');
  }
  if (unpackedBytes > limits.ratioFromBytes && unpackedBytes > limits.ratio * consumedBytes) {
    throw archiveTooLarge(
      `The archive unpacks to more than ${limits.ratio} times its size.`,
      'compression-ratio',
    );
  }
}

function assertEnd(packed: PackedBytes, deflatedBytes: number, crc: number, unpackedBytes: number): void {
  const end = packed.headerBytes + deflatedBytes + trailerBytes;
  if (packed.bytes < end)
    throw archiveInvalid('The archive ends before its gzip trailer.', 'gzip-incomplete');
  if (packed.bytes > end)
    throw archiveInvalid('The archive has bytes after the end of its gzip member.', 'gzip-trailing-bytes');
  const { trailer } = packed;
  if (trailer.crc !== crc || trailer.sizeModulo !== unpackedBytes % 2 ** 32) {
    throw archiveInvalid('The gzip checksum of the archive does not match its content.', 'gzip-checksum');
  }
}

/** Archives up to this size are unpacked in one go: for them a stream costs more than the work. */
const smallPackedBytes = 64 * 1024;
const smallUnpackedBytes = 2 * 1024 * 1024;

/** As `gunzip`, of bytes that are all there; undefined where they are too many for it. */
export function gunzipSmall(
  bytes: Uint8Array,
  packed: PackedBytes,
  limits: ArchiveLimits,
): Uint8Array | undefined {
  if (bytes.byteLength > smallPackedBytes) return undefined;
  const source = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerBytes = gzipHeaderBytes(source);
  if (headerBytes === undefined)
    throw archiveInvalid('The archive is not a gzip file: it ends within the header.', 'gzip-form');
  const inflated = inflateSmall(source.subarray(headerBytes));
  if (inflated === undefined) return undefined;
  packed.take(bytes);
  packed.headerBytes = headerBytes;
  assertBounded(inflated.buffer.byteLength, inflated.engine.bytesWritten, limits);
  assertEnd(packed, inflated.engine.bytesWritten, crc32(inflated.buffer), inflated.buffer.byteLength);
  return inflated.buffer;
}

interface Inflated {
  readonly buffer: Buffer;
  readonly engine: { readonly bytesWritten: number };
}

function inflateSmall(deflated: Buffer): Inflated | undefined {
  try {
    const options = { maxOutputLength: smallUnpackedBytes, info: true };
    return inflateRawSync(deflated, options) as unknown as Inflated;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    if (isZlibError(error))
      throw archiveInvalid('The archive is not a complete gzip file.', 'gzip-incomplete', error);
    throw error;
  }
}

async function* withoutHeader(
  source: AsyncIterable<Uint8Array>,
  packed: PackedBytes,
): AsyncGenerator<Uint8Array> {
  let head: Buffer | undefined = Buffer.alloc(0);
  for await (const chunk of source) {
    packed.take(chunk);
    if (head === undefined) {
      yield chunk;
      continue;
    }
    head = Buffer.concat([head, chunk]);
    const length = gzipHeaderBytes(head);
    if (length === undefined) continue;
    packed.headerBytes = length;
    yield head.subarray(length);
    head = undefined;
  }
  if (head !== undefined)
    throw archiveInvalid('The archive is not a gzip file: it ends within the header.', 'gzip-form');
}

/** Length of the member header (RFC 1952 §2.3); undefined while more bytes are needed. */
function gzipHeaderBytes(bytes: Buffer): number | undefined {
  if (bytes.length >= 2 && bytes.readUInt16BE(0) !== 0x1f8b) {
    throw archiveInvalid('The archive is not a gzip file.', 'gzip-form');
  }
  if (bytes.length < 10) return undefined;
  const flags = bytes.readUInt8(3);
  if (bytes.readUInt8(2) !== 8 || (flags & (flag.reserved | flag.headerCrc)) !== 0) {
    throw archiveInvalid('The archive is a gzip file of a kind that is not taken.', 'gzip-form');
  }
  let end: number | undefined = 10;
  if ((flags & flag.extra) !== 0) end = bytes.length < 12 ? undefined : 12 + bytes.readUInt16LE(10);
  if ((flags & flag.name) !== 0) end = afterText(bytes, end);
  if ((flags & flag.comment) !== 0) end = afterText(bytes, end);
  if ((end ?? bytes.length) > headerMaxBytes)
    throw archiveInvalid('The gzip header of the archive is too long.', 'gzip-form');
  return end !== undefined && bytes.length >= end ? end : undefined;
}

function afterText(bytes: Buffer, from: number | undefined): number | undefined {
  if (from === undefined || from > bytes.length) return undefined;
  const zero = bytes.indexOf(0, from);
  return zero < 0 ? undefined : zero + 1;
}

function isZlibError(error: unknown): boolean {
  return (
    error instanceof Error && 'code' in error && typeof error.code === 'string' && error.code.startsWith('Z_')
  );
}
