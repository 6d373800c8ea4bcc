import type { Reading } from './reading.js';

/**
 * What is kept of the readings of one minute: their sum, and who reported when. A single reading's watt-hours are
 * added and forgotten; the times stay so that a reading sent twice counts once.
 */
export interface Bucket {
  wh: number;
  readings: number;
  /** Milliseconds within the minute of every reading counted, by household. */
  seen: Record<string, number[]>;
}

export const minuteMs = 60_000;

/** A minute is split over this many keys by household, so that no value grows with a whole town. */
export const shards = 4;

export function emptyBucket(): Bucket {
  return { wh: 0, readings: 0, seen: {} };
}

/** Adds what is new of the readings, all of one bucket; returns how many were. */
export function addReadings(bucket: Bucket, readings: readonly Reading[]): number {
  let added = 0;
  for (const { household, atMs, wh } of readings) {
    const offset = atMs % minuteMs;
    // Plain member access is safe: a household's name starts with a letter or a digit, so never `__proto__`.
    const times = (bucket.seen[household] ??= []);
    if (times.includes(offset)) continue;
    times.push(offset);
    bucket.wh += wh;
    bucket.readings += 1;
    added += 1;
  }
  return added;
}

/** Key of the bucket a reading belongs to: `b/<day>/<minute of the day>/<shard>`, in order of time. */
export function keyOf({ household, atMs }: Reading): string {
  return `${minutePrefix(atMs - (atMs % minuteMs))}${shardOf(household)}`;
}

/** Minute a key stands for, in milliseconds since 1970; NaN for a foreign key. */
export function minuteOf(key: string): number {
  const [, day = '', minute = ''] = key.split('/');
  return Date.parse(`${day}T00:00:00.000Z`) + Number(minute) * minuteMs;
}

export function dayPrefix(atMs: number): string {
  return `b/${new Date(atMs).toISOString().slice(0, 10)}/`;
}

function minutePrefix(minute: number): string {
  const ofDay = Math.floor((minute % 86_400_000) / minuteMs);
  return `${dayPrefix(minute)}${String(ofDay).padStart(4, '0')}/`;
}

/** FNV-1a: spreads names evenly; a chosen name can at worst crowd one shard. */
function shardOf(household: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < household.length; i += 1) hash = Math.imul(hash ^ household.charCodeAt(i), 0x01000193);
  return (hash >>> 0) % shards;
}
