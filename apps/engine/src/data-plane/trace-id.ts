import { randomFillSync } from 'node:crypto';

const idBytes = 16;
const pool = Buffer.alloc(256 * idBytes);
let next = pool.length;

/** A new W3C trace id, 32 hex digits; random bytes are fetched for 256 ids at a time. */
export function newTraceId(): string {
  if (next === pool.length) {
    randomFillSync(pool);
    next = 0;
  }
  const id = pool.toString('hex', next, next + idBytes);
  next += idBytes;
  return id;
}
