import type { Kv } from '../../shared/handler.js';

export const quarterMs = 15 * 60_000;
const keepSeconds = 7 * 86_400;
/** Quarters of seven days, and some more. */
const maxQuarters = 1000;

export interface Quarter {
  readonly fromMs: number;
  readonly wh: number;
  readonly messages: number;
}

interface Sum {
  readonly wh: number;
  readonly messages: number;
}

/** Adds one reading; safe where two messages are handled at the same time. */
export async function addReading(kv: Kv, atMs: number, wh: number): Promise<void> {
  const key = sumKey(Math.floor(atMs / quarterMs) * quarterMs);
  for (;;) {
    const { value, version } = await kv.getWithVersion(key, { type: 'json' });
    const before = (value ?? { wh: 0, messages: 0 }) as Sum;
    const after: Sum = { wh: before.wh + wh, messages: before.messages + 1 };
    const written = await kv.put(key, JSON.stringify(after), { ifVersion: version, ttl: keepSeconds });
    if (written !== null) return;
  }
}

/** Oldest first. */
export async function listQuarters(kv: Kv): Promise<Quarter[]> {
  const { keys } = await kv.list({ prefix: 'sum:', limit: maxQuarters });
  const quarters = await Promise.all(
    keys.map(async (key): Promise<Quarter[]> => {
      const { value } = await kv.getWithVersion(key, { type: 'json' });
      if (value === null) return [];
      const { wh, messages } = value as Sum;
      return [{ fromMs: Number(key.slice('sum:'.length)), wh, messages }];
    }),
  );
  return quarters.flat();
}

export async function isPublished(kv: Kv, fromMs: number): Promise<boolean> {
  return (await kv.get(publishedKey(fromMs))) !== null;
}

export async function markPublished(kv: Kv, fromMs: number): Promise<void> {
  await kv.put(publishedKey(fromMs), '1', { ttl: 2 * keepSeconds });
}

/** Milliseconds since 1970 have the same number of digits until the year 2286: the order of keys is that of time. */
function sumKey(fromMs: number): string {
  return `sum:${fromMs}`;
}

function publishedKey(fromMs: number): string {
  return `published:${fromMs}`;
}
