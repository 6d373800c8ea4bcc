import { randomFillSync } from 'node:crypto';

const idsAtOnce = 256;

/**
 * Makes a source of random ids in lower-case hex; the bytes are fetched for 256 of them at a time, which costs a call a
 * small part of fetching its own.
 *
 * @param idBytes of each id
 */
export function randomIds(idBytes: number): () => string {
  const pool = Buffer.alloc(idsAtOnce * idBytes);
  let next = pool.length;
  return () => {
    if (next === pool.length) {
      randomFillSync(pool);
      next = 0;
    }
    const id = pool.toString('hex', next, next + idBytes);
    next += idBytes;
    return id;
  };
}
