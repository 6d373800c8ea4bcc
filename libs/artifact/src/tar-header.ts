import { archiveInvalid, entryRefused } from './refusal.js';

export const blockBytes = 512;

export interface TarHeader {
  readonly path: string;
  readonly sizeBytes: number;
  /** The type flag as a character; NUL, which old writers use for a file, reads as `0`. */
  readonly type: string;
}

const magicPosix = Buffer.from('ustar\u000000', 'latin1');
const magicGnu = Buffer.from('ustar  \u0000', 'latin1');
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Reads one header block. Stricter than tar programs are: what they read in different ways is refused.
 *
 * @throws Problem `archive-invalid`, `archive-entry-refused`
 */
export function decodeHeader(block: Buffer): TarHeader {
  if (checksumOf(block) !== octal(block, 148, 8)) {
    throw archiveInvalid('The archive is not a tar file: a header has a wrong checksum.', 'tar-form');
  }
  const magic = block.subarray(257, 265);
  const isPosix = magic.equals(magicPosix);
  if (!isPosix && !magic.equals(magicGnu))
    throw archiveInvalid('The archive is a tar file of an unknown kind.', 'tar-form');
  const name = decodeText(field(block, 0, 100), 'a header');
  const prefix = decodeText(field(block, 345, isPosix ? 155 : 167), 'a header');
  if (!isPosix && prefix !== '')
    throw entryRefused(name, 'has a header that tar programs read in different ways', 'tar-ambiguous');
  const path = prefix === '' ? name : `${prefix}/${name}`;
  const sizeBytes = octal(block, 124, 12);
  if (sizeBytes === undefined)
    throw entryRefused(path, 'has a size that is not an octal number', 'tar-ambiguous');
  return { path, sizeBytes, type: String.fromCharCode(block.readUInt8(156) || 0x30) };
}

/** Bytes as strict UTF-8. @throws Problem `archive-entry-refused` */
export function decodeText(bytes: Uint8Array, where: string): string {
  try {
    return utf8.decode(bytes);
  } catch (error) {
    throw archiveInvalid(`The archive has a name in ${where} that is not UTF-8.`, 'name-encoding', error);
  }
}

/** The text before the first NUL; bytes hidden behind it are refused. */
function field(block: Buffer, offset: number, length: number): Buffer {
  const bytes = block.subarray(offset, offset + length);
  const zero = bytes.indexOf(0);
  if (zero < 0) return bytes;
  if (bytes.subarray(zero).some((byte) => byte !== 0)) {
    throw archiveInvalid('The archive has a header with bytes hidden behind a NUL.', 'path-characters');
  }
  return bytes.subarray(0, zero);
}

function octal(block: Buffer, offset: number, length: number): number | undefined {
  const text = block.toString('latin1', offset, offset + length).replaceAll(/^[ ]+|[ \0]+$/g, '');
  return /^[0-7]{1,11}$/.test(text) ? Number.parseInt(text, 8) : undefined;
}

/** Sum of all bytes with the checksum field read as blanks. */
export function checksumOf(block: Uint8Array): number {
  let sum = 8 * 0x20;
  for (let index = 0; index < blockBytes; index += 1) {
    if (index < 148 || index >= 156) sum += block[index] ?? 0;
  }
  return sum;
}

/** Keys of a pax header that change nothing we use: times, owners, and what file systems attach. */
const harmlessPax =
  /^(?:mtime|atime|ctime|uid|gid|uname|gname|comment|SCHILY\.(?:xattr|fflags|dev|ino|nlink)(?:\..*)?|LIBARCHIVE\..*)$/s;

/**
 * Records of a pax extended header, `<length> <key>=<value>\n` each, that matter here.
 *
 * @throws Problem `archive-invalid` for a malformed or repeated record or one that would turn the entry into
 *   something else (a link, a sparse file, another charset)
 */
export function decodePax(bytes: Buffer): { readonly path?: string; readonly size?: string } {
  const found = new Map<string, string>();
  let rest = bytes;
  while (rest.length > 0) {
    const length = /^([1-9][0-9]{0,5}) /.exec(rest.toString('latin1', 0, 8))?.[1];
    const record = length === undefined ? undefined : rest.subarray(0, Number(length));
    if (length === undefined || record?.length !== Number(length) || record.at(-1) !== 0x0a) {
      throw archiveInvalid('The archive has a malformed pax header.', 'pax-header');
    }
    const equals = record.indexOf('=');
    const key = record.toString('latin1', length.length + 1, Math.max(equals, 0));
    if (found.has(key))
      throw archiveInvalid('The archive has a pax header with the same key twice.', 'pax-header');
    if (key !== 'path' && key !== 'size' && !harmlessPax.test(key)) {
      throw archiveInvalid('The archive has a pax header with a key that is not taken.', 'pax-header');
    }
    const value = record.subarray(equals + 1, -1);
    found.set(key, key === 'path' || key === 'size' ? decodeText(value, 'a pax header') : '');
    rest = rest.subarray(record.length);
  }
  const path = found.get('path');
  const size = found.get('size');
  return { ...(path === undefined ? {} : { path }), ...(size === undefined ? {} : { size }) };
}
