import type { ByteRange } from './blob-store.js';

/**
 * Reads a `Range` header against a size (RFC 9110 §14). One range of bytes is honoured; a header that is
 * malformed, of another unit or asks for several ranges is ignored, as the RFC allows.
 *
 * @returns the range, `unsatisfiable`, or undefined for the whole
 */
export function parseByteRange(
  header: string | undefined,
  sizeBytes: number,
): ByteRange | 'unsatisfiable' | undefined {
  const match = /^bytes=(?:(\d{1,15})-(\d{1,15})?|-(\d{1,15}))$/.exec(header?.replaceAll(/[ \t]/g, '') ?? '');
  if (match === null) return undefined;
  const [, first, last, suffix] = match;
  if (suffix !== undefined) {
    const length = Math.min(Number(suffix), sizeBytes);
    return length === 0 ? 'unsatisfiable' : { start: sizeBytes - length, end: sizeBytes - 1 };
  }
  const start = Number(first);
  const end = last === undefined ? sizeBytes - 1 : Math.min(Number(last), sizeBytes - 1);
  if (last !== undefined && Number(last) < start) return undefined;
  return start >= sizeBytes ? 'unsatisfiable' : { start, end };
}
