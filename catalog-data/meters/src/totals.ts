import { dayMs, hourMs, minuteMs } from './bucket.js';
import type { StoredBucket } from './store.js';

export interface Row {
  readonly wh: number;
  readonly readings: number;
  readonly households: number;
}

export interface MinuteRow extends Row {
  readonly minute: string;
}

export interface MergedRow extends Row {
  readonly from: string;
  readonly to: string;
  /** Minutes merged into this row. */
  readonly minutes: number;
}

export interface Totals {
  readonly minutes: readonly MinuteRow[];
  readonly merged: readonly MergedRow[];
  /** Minutes that are not shown in any row. */
  readonly withheld: { readonly minutes: number };
  /** Sum of all rows above. */
  readonly total: { readonly wh: number; readonly readings: number };
}

interface Group {
  readonly fromMs: number;
  readonly spanMs: number;
  readonly minutes: number;
  readonly wh: number;
  readonly readings: number;
  readonly households: ReadonlySet<string>;
}

/**
 * Totals in which every figure covers at least `minHouseholds` households. Minutes with fewer are merged into
 * their hour (UTC), hours still too thin into their day, and what is too thin even then is withheld.
 *
 * Who belongs to which row is settled by the clock alone, never by the range asked for: otherwise two answers for
 * ranges that differ by one minute would give away that minute by subtraction. An hour or a day that does not lie
 * wholly within `fromMs` (inclusive) to `toMs` (exclusive) is therefore withheld.
 */
export function totalsOf(
  buckets: readonly StoredBucket[],
  minHouseholds: number,
  fromMs: number,
  toMs: number,
): Totals {
  const shown: Group[] = [];
  let rest = buckets.flatMap(groupsOf).filter((group) => group.fromMs >= fromMs && group.fromMs < toMs);
  for (const spanMs of [minuteMs, hourMs, dayMs]) {
    const groups = merge(rest, spanMs);
    rest = groups.filter(({ households }) => households.size < minHouseholds);
    shown.push(...groups.filter(({ households }) => households.size >= minHouseholds));
  }
  const whole = shown.filter((group) => group.fromMs >= fromMs && group.fromMs + group.spanMs <= toMs);
  const cut = shown.filter((group) => !whole.includes(group));
  return {
    minutes: whole.filter(({ spanMs }) => spanMs === minuteMs).map(minuteRowOf),
    merged: whole.filter(({ spanMs }) => spanMs > minuteMs).map(mergedRowOf),
    withheld: { minutes: sum([...cut, ...rest], 'minutes') },
    total: { wh: sum(whole, 'wh'), readings: sum(whole, 'readings') },
  };
}

/** One group for each minute of a bucket. */
function groupsOf({ hourMs: startMs, wh, seen }: StoredBucket): Group[] {
  const readings = new Map<number, number>();
  const households = new Map<number, Set<string>>();
  for (const [household, times] of Object.entries(seen)) {
    for (const seconds of times) {
      const minute = Math.floor(seconds / 60);
      readings.set(minute, (readings.get(minute) ?? 0) + 1);
      const known = households.get(minute);
      if (known === undefined) households.set(minute, new Set([household]));
      else known.add(household);
    }
  }
  return [...households].map(([minute, names]) => ({
    fromMs: startMs + minute * minuteMs,
    spanMs: 0,
    minutes: 0,
    wh: wh[minute] ?? 0,
    readings: readings.get(minute) ?? 0,
    households: names,
  }));
}

/** Groups by spans of the clock, in order of time. */
function merge(groups: readonly Group[], spanMs: number): Group[] {
  const bySpan = Map.groupBy(groups, ({ fromMs }) => fromMs - (fromMs % spanMs));
  return [...bySpan]
    .map(([fromMs, members]) => ({
      fromMs,
      spanMs,
      minutes: spanMs === minuteMs ? 1 : sum(members, 'minutes'),
      wh: sum(members, 'wh'),
      readings: sum(members, 'readings'),
      households: new Set(members.flatMap(({ households }) => [...households])),
    }))
    .toSorted((a, b) => a.fromMs - b.fromMs);
}

function minuteRowOf({ fromMs, wh, readings, households }: Group): MinuteRow {
  return { minute: iso(fromMs), wh, readings, households: households.size };
}

function mergedRowOf({ fromMs, spanMs, minutes, wh, readings, households }: Group): MergedRow {
  return { from: iso(fromMs), to: iso(fromMs + spanMs), minutes, wh, readings, households: households.size };
}

function sum(groups: readonly Group[], member: 'wh' | 'readings' | 'minutes'): number {
  return groups.reduce((total, group) => total + group[member], 0);
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
