import type { Kv } from '../../shared/handler.js';
import { Refusal } from '../../shared/problem.js';
import { addReadings, type Bucket, dayMs, dayPrefix, emptyBucket, hourMs, hourOf, keyOf } from './bucket.js';
import type { Reading } from './reading.js';

/** Buckets one answer may read: ten days of hours. */
const maxBuckets = 1000;
const parallel = 32;
const maxAttempts = 50;
const pageSize = 1000;

export interface StoredBucket extends Bucket {
  readonly hourMs: number;
}

/**
 * Counts the readings into their buckets. A call that fails half-way can be sent again as it is: what was counted
 * is not counted twice.
 *
 * @returns how many readings were new
 * @throws Refusal `busy` where other calls keep changing the same hour, `storage-full`
 */
export async function storeReadings(kv: Kv, readings: readonly Reading[], ttl: number): Promise<number> {
  const groups = [...Map.groupBy(readings, keyOf)];
  const added = await inBatches(groups, ([key, group]) => storeInBucket(kv, key, group, ttl));
  return added.reduce((sum, count) => sum + count, 0);
}

async function storeInBucket(
  kv: Kv,
  key: string,
  readings: readonly Reading[],
  ttl: number,
): Promise<number> {
  for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
    const { value, version } = await kv.getWithVersion(key, { type: 'json' });
    const bucket = (value as Bucket | null) ?? emptyBucket();
    const added = addReadings(bucket, readings);
    if (added === 0) return 0;
    const stored = await kv.put(key, JSON.stringify(bucket), { ttl, ifVersion: version }).catch(onFull);
    if (stored !== null) return added;
  }
  const detail = 'Too many calls change the same hour; send this one again.';
  throw new Refusal(503, 'busy', detail, [], { 'retry-after': '1' });
}

function onFull(error: unknown): never {
  if (!(error instanceof Error) || error.name !== 'QuotaExceededError') throw error;
  const detail =
    'The key-value data of this installation is full. Readings of this call that were counted stay; send it again when older ones have been forgotten, or keep fewer days.';
  throw new Refusal(507, 'storage-full', detail);
}

/**
 * The buckets that hold minutes from `fromMs` (inclusive) to `toMs` (exclusive); infinite where they are not given.
 *
 * @throws Refusal `range-too-wide`
 */
export async function loadBuckets(kv: Kv, fromMs: number, toMs: number): Promise<StoredBucket[]> {
  const keys: string[] = [];
  for (const prefix of prefixesOf(fromMs, toMs)) {
    let cursor: string | undefined;
    do {
      const page = await kv.list({ prefix, limit: pageSize, ...(cursor === undefined ? {} : { cursor }) });
      keys.push(...page.keys.filter((key) => hourOf(key) + hourMs > fromMs && hourOf(key) < toMs));
      cursor = page.cursor ?? undefined;
      if (keys.length > maxBuckets) throw tooWide();
    } while (cursor !== undefined);
  }
  const buckets = await inBatches(keys, async (key) => {
    const { value } = await kv.getWithVersion(key, { type: 'json' });
    return value === null ? [] : [{ ...(value as Bucket), hourMs: hourOf(key) }];
  });
  return buckets.flat();
}

/** Days of a short range one by one, so that only they are listed; everything for a long or open one. */
function prefixesOf(fromMs: number, toMs: number): string[] {
  const first = Math.floor(fromMs / dayMs);
  const days = Math.ceil(toMs / dayMs) - first;
  if (!(days <= 31)) return ['h/'];
  return Array.from({ length: days }, (_, i) => dayPrefix((first + i) * dayMs));
}

function tooWide(): Refusal {
  const detail = `The range holds more than ${maxBuckets} stored parts of an hour; narrow it with from and to.`;
  return new Refusal(422, 'range-too-wide', detail);
}

async function inBatches<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let i = 0; i < items.length; i += parallel) {
    results.push(...(await Promise.all(items.slice(i, i + parallel).map(work))));
  }
  return results;
}
