import type { ProblemCode } from '@proxylet/contract';

/** How a call ended: `ok`, or the code of the problem it was answered with. */
export type Outcome = 'ok' | ProblemCode;

/** Upper bounds of the duration histogram, seconds. */
export const durationBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** Counts of one version of a proxylet, over all its installations; plain numbers, so that a call pays next to nothing. */
export class CallStats {
  ok = 0;
  readonly failed = new Map<ProblemCode, number>();
  /** One more than the bounds: the last counts what is slower than all of them. */
  readonly buckets = new Float64Array(durationBuckets.length + 1);
  secondsTotal = 0;

  constructor(
    readonly proxylet: string,
    readonly version: string,
  ) {}

  add(outcome: Outcome, seconds: number): void {
    if (outcome === 'ok') this.ok += 1;
    else this.failed.set(outcome, (this.failed.get(outcome) ?? 0) + 1);
    this.secondsTotal += seconds;
    let at = 0;
    while (at < durationBuckets.length && seconds > (durationBuckets[at] as number)) at += 1;
    this.buckets[at] = (this.buckets[at] as number) + 1;
  }
}

/** Versions counted apart; those past the bound share one row, so that labels stay bounded. */
const maxVersions = 2000;

/** All counts since the engine started. */
export class CallMetrics {
  private readonly byVersion = new Map<string, CallStats>();
  private readonly others = new CallStats('other', 'other');

  of(proxylet: string, version: string): CallStats {
    const key = `${proxylet}@${version}`;
    const existing = this.byVersion.get(key);
    if (existing !== undefined) return existing;
    if (this.byVersion.size >= maxVersions) return this.others;
    const stats = new CallStats(proxylet, version);
    this.byVersion.set(key, stats);
    return stats;
  }

  all(): readonly CallStats[] {
    return [...this.byVersion.values(), ...(this.byVersion.size < maxVersions ? [] : [this.others])];
  }
}
