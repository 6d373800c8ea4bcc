import type { Reading } from './reading.js';

/**
 * What is kept of the readings of one hour (UTC): sums per minute, and who reported when. A single reading's
 * watt-hours are added and forgotten; the times stay so that a reading sent twice counts once. An hour is one value
 * because an installation's keys are counted: 10 000 of them are a year this way, and a week by the minute.
 */
export interface Bucket {
  /** Watt-hours by minute of the hour. */
  readonly wh: Record<string, number>;
  /** Seconds into the hour of every reading counted, by household. */
  readonly seen: Record<string, number[]>;
}

export const minuteMs = 60_000;
export const hourMs = 60 * minuteMs;
export const dayMs = 24 * hourMs;

/** An hour is split over this many keys by household, so that no value grows with a whole town. */
const shards = 4;

export function emptyBucket(): Bucket {
  return { wh: {}, seen: {} };
}

/** Adds what is new of the readings, all of one bucket; returns how many were. */
export function addReadings({ wh, seen }: Bucket, readings: readonly Reading[]): number {
  let added = 0;
  for (const [household, own] of Map.groupBy(readings, (reading) => reading.household)) {
    // Plain member access is safe: a household's name starts with a letter or a digit, so never `__proto__`.
    const times = new Set(seen[household]);
    const before = times.size;
    for (const reading of own) {
      const seconds = (reading.atMs % hourMs) / 1000;
      if (times.has(seconds)) continue;
      times.add(seconds);
      const minute = Math.floor(seconds / 60);
      wh[minute] = (wh[minute] ?? 0) + reading.wh;
    }
    added += times.size - before;
    seen[household] = [...times];
  }
  return added;
}

/** Key of the bucket a reading belongs to: `h/<day>/<hour>/<shard>`, in order of time. */
export function keyOf({ household, atMs }: Reading): string {
  const hour = Math.floor((atMs % dayMs) / hourMs);
  return `${dayPrefix(atMs)}${String(hour).padStart(2, '0')}/${shardOf(household)}`;
}

/** Start of the hour a key stands for, in milliseconds since 1970; NaN for a foreign key. */
export function hourOf(key: string): number {
  const [, day = '', hour = ''] = key.split('/');
  return Date.parse(`${day}T00:00:00.000Z`) + Number(hour) * hourMs;
}

export function dayPrefix(atMs: number): string {
  return `h/${new Date(atMs).toISOString().slice(0, 10)}/`;
}

/** FNV-1a: spreads names evenly; a chosen name can at worst crowd one shard. */
function shardOf(household: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < household.length; i += 1) hash = Math.imul(hash ^ household.charCodeAt(i), 0x01000193);
  return (hash >>> 0) % shards;
}
