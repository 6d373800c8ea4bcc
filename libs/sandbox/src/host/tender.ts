import type { Guest, RunnerInfo } from '../types.js';
import type { LoadedGuest } from './loaded-guests.js';
import type { SandboxLimits } from './sandbox-limits.js';

/** The part of a runner that is tended. */
export interface TendedRunner {
  readonly lastUsedMs: number;
  info(): RunnerInfo;
  idleGuests(): LoadedGuest[];
  release(loaded: LoadedGuest): void;
}

export interface TenderActs<T> {
  /** Nobody has called for long. */
  readonly stop: (runner: T) => void;
  /** It has drifted: it ends when its calls have, and another one takes its place. */
  readonly replace: (runner: T) => void;
  readonly evicted: (guest: Guest, reason: string) => void;
}

const megabyte = 1024 * 1024;
/** What dropping one isolate gives back at least (isolates.md §2.4). */
const isolateMb = 2;
/** Below this growth is no drift: heaps breathe. */
const driftSlackMb = 48;

/** Drops what is at rest: by age, and when memory grows short. Work under way pins whatever it needs. */
export class Tender<T extends TendedRunner> {
  /** Least resident memory seen at rest, by runner, with the most isolates it had then. */
  private readonly floors = new WeakMap<T, { mb: number; isolates: number }>();

  constructor(
    private readonly limits: SandboxLimits,
    private readonly runnerMemoryMb: number,
    private readonly acts: TenderActs<T>,
  ) {}

  tend(runners: readonly T[], nowMs: number): void {
    const { isolateIdleMs, runnerIdleMs, runnerAgeMs } = this.limits;
    for (const runner of runners) {
      const { state, startedAtMs, inFlight } = runner.info();
      if (state !== 'active') continue;
      if (inFlight === 0 && runner.lastUsedMs < nowMs - runnerIdleMs) {
        for (const { guest } of runner.idleGuests()) this.acts.evicted(guest, 'idle');
        this.acts.stop(runner);
        continue;
      }
      this.evict(runner, 'idle', (loaded) => loaded.lastUsedMs < nowMs - isolateIdleMs);
      this.relieve(runner);
      if (nowMs - startedAtMs > runnerAgeMs || this.hasDrifted(runner)) this.acts.replace(runner);
    }
    this.relieveAll(runners);
  }

  private evict(runner: T, reason: string, isDue: (loaded: LoadedGuest) => boolean): void {
    for (const loaded of runner.idleGuests()) {
      if (!isDue(loaded)) return;
      runner.release(loaded);
      this.acts.evicted(loaded.guest, reason);
    }
  }

  /** Where a runner is too large the least recently used go, as many as should give back what is too much. */
  relieve(runner: T): void {
    const mostMb = this.runnerMemoryMb * this.limits.evictAboveShare;
    let left = Math.ceil((runner.info().rssBytes / megabyte - mostMb) / isolateMb);
    if (left <= 0) return;
    this.evict(runner, 'memory', () => left-- > 0);
  }

  private relieveAll(runners: readonly T[]): void {
    const usedMb = runners.reduce((sum, runner) => sum + runner.info().rssBytes, 0) / megabyte;
    const excess = Math.ceil((usedMb - this.limits.totalMemoryMb) / isolateMb);
    if (excess <= 0) return;
    const idle = runners
      .flatMap((runner) => runner.idleGuests().map((loaded) => ({ runner, loaded })))
      .toSorted((a, b) => a.loaded.lastUsedMs - b.loaded.lastUsedMs);
    for (const { runner, loaded } of idle.slice(0, excess)) {
      runner.release(loaded);
      this.acts.evicted(loaded.guest, 'memory');
    }
  }

  private hasDrifted(runner: T): boolean {
    const { inFlight, rssBytes, isolates } = runner.info();
    if (inFlight > 0) return false;
    const mb = rssBytes / megabyte;
    const floor = this.floors.get(runner);
    if (floor === undefined || isolates > floor.isolates || mb < floor.mb) {
      this.floors.set(runner, { mb, isolates: Math.max(isolates, floor?.isolates ?? 0) });
      return false;
    }
    return mb > floor.mb * this.limits.runnerDrift && mb > floor.mb + driftSlackMb;
  }
}
