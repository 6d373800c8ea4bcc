import { GuestVisibleError, type KvOperation } from '@proxylet/sandbox';

/** Longest key, in bytes of UTF-8. */
export const keyMaxBytes = 512;
/** Longest page of a listing. */
export const listMaxKeys = 1000;
/** Longest time to live: ten years. */
export const ttlMaxSeconds = 10 * 365 * 86_400;

/** A lone surrogate is refused: it would be stored as U+FFFD and meet another key there. */
export function assertKey(key: unknown): asserts key is string {
  if (typeof key !== 'string' || key === '') throw typeError('A KV key must be a string that is not empty');
  if (!key.isWellFormed()) throw dataError('A KV key must be well-formed Unicode');
  if (key.length > keyMaxBytes || Buffer.byteLength(key) > keyMaxBytes) {
    throw dataError(`A KV key may have at most ${keyMaxBytes} bytes`);
  }
}

export function assertPut(operation: Extract<KvOperation, { op: 'put' }>): void {
  const { key, value, ttlSeconds, ifVersion } = operation;
  assertKey(key);
  if (!(value instanceof Uint8Array)) throw typeError('A KV value must be bytes or text');
  if (ttlSeconds !== undefined && !(ttlSeconds > 0 && ttlSeconds <= ttlMaxSeconds)) {
    throw typeError(`A KV ttl must be more than 0 and at most ${ttlMaxSeconds} seconds`);
  }
  if (ifVersion !== undefined && !(Number.isSafeInteger(ifVersion) && ifVersion >= 0)) {
    throw typeError('The version to compare with must be a whole number, 0 for "absent"');
  }
}

export function assertListing(operation: Extract<KvOperation, { op: 'list' }>): void {
  const { prefix, limit, cursor } = operation;
  if (typeof prefix !== 'string' || prefix.length > keyMaxBytes || !prefix.isWellFormed()) {
    throw typeError(`A KV prefix must be well-formed text of at most ${keyMaxBytes} bytes`);
  }
  if (!Number.isInteger(limit) || limit < 1 || limit > listMaxKeys) {
    throw typeError(`A KV list takes a limit between 1 and ${listMaxKeys}`);
  }
  if (cursor !== undefined && (typeof cursor !== 'string' || cursor.length > 2 * keyMaxBytes)) {
    throw typeError('The KV cursor is not one that a list gave');
  }
}

/** First byte string above every key that starts with the prefix: UTF-8 has no byte 0xff. */
export function prefixEnd(prefix: Buffer): Buffer {
  return Buffer.concat([prefix, Buffer.of(0xff)]);
}

export function encodeCursor(lastKey: Buffer): string {
  return lastKey.toString('base64url');
}

export function decodeCursor(cursor: string): Buffer {
  return Buffer.from(cursor, 'base64url');
}

function typeError(message: string): GuestVisibleError {
  return new GuestVisibleError('TypeError', `${message}.`);
}

function dataError(message: string): GuestVisibleError {
  return new GuestVisibleError('DataError', `${message}.`);
}
