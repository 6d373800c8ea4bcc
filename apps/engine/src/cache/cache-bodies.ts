import { Readable } from 'node:stream';
import { GuestVisibleError } from '@proxylet/sandbox';
import type { CacheSql, EntryRow } from './cache-tables.js';

const chunkBytes = 256 * 1024;
/** Chunks written in one transaction: between these the loop goes on. */
const chunksPerTurn = 4;

/** Writes a body in parts. */
export async function writeBody(
  sql: Pick<CacheSql, 'addChunk'>,
  transaction: (work: () => void) => void,
  id: number,
  body: Uint8Array,
): Promise<void> {
  const parts = Math.ceil(body.byteLength / chunkBytes);
  for (let part = 0; part < parts; part += chunksPerTurn) {
    transaction(() => {
      for (let at = part; at < Math.min(part + chunksPerTurn, parts); at += 1) {
        sql.addChunk.run(id, at, Buffer.from(body.subarray(at * chunkBytes, (at + 1) * chunkBytes)));
      }
    });
    if (part + chunksPerTurn < parts) await new Promise<void>((done) => setImmediate(done));
  }
}

/** The body of an entry; a large one as a stream that reads a part at a time. */
export function bodyOf(
  sql: Pick<CacheSql, 'chunk'>,
  { id, body_bytes: size }: EntryRow,
): Uint8Array | Readable | undefined {
  if (size === 0) return undefined;
  if (size <= chunkBytes) return chunkOf(sql, id, 0);
  const parts = Math.ceil(size / chunkBytes);
  let part = 0;
  const next = (): Buffer | null => {
    if (part >= parts) return null;
    part += 1;
    return chunkOf(sql, id, part - 1);
  };
  return new Readable({
    highWaterMark: chunkBytes,
    read() {
      try {
        this.push(next());
      } catch (error) {
        // Replaced or thrown out while it was read: nobody takes the half for the whole.
        this.destroy(error instanceof Error ? error : undefined);
      }
    },
  });
}

function chunkOf(sql: Pick<CacheSql, 'chunk'>, id: number, part: number): Buffer {
  const row = sql.chunk.get(id, part) as { bytes: Buffer } | undefined;
  if (row === undefined) throw gone();
  return row.bytes;
}

export function gone(): GuestVisibleError {
  return new GuestVisibleError('NetworkError', 'The stored response is gone.');
}
