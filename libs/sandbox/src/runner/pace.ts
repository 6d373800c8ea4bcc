import type { PaceLimits } from '../wire/runner-settings.js';

/** Share of one core at which the CPU time of slow entries is forgiven. */
const forgiven = 0.05;
/** One slow entry in this many calls is what a garbage collection may do to anybody. */
const slowCosts = 100;

/**
 * How a guest's entries are made. On the runner's own thread one costs 2 µs and holds up every neighbour; on a thread
 * of the pool it costs 20 µs and more for each host function, holds up nobody, and a guest that runs out of memory
 * takes only its thread along. A guest begins on the pool, earns the faster way, and loses it by one breach.
 */
export class Pace {
  private heavyMs = 0;
  private seenMs = 0;

  constructor(
    private readonly limits: PaceLimits,
    /** Whether entries are made on the runner's own thread. */
    public isSync = false,
    /** Calls without a slow entry so far. */
    public credit = 0,
  ) {
    if (isSync) this.credit = limits.syncAfterCalls;
  }

  /** @returns true when the guest has become too heavy for the runner it shares */
  entered(cpuMs: number, nowMs: number): boolean {
    const { slowMs, syncAfterCalls, heavyMs } = this.limits;
    if (cpuMs < slowMs) return false;
    this.credit = Math.min(this.credit, syncAfterCalls) - slowCosts;
    if (cpuMs > slowMs * 4) this.credit = 0;
    if (this.credit <= 0) this.isSync = false;
    this.heavyMs = Math.max(0, this.heavyMs - (nowMs - this.seenMs) * forgiven) + cpuMs;
    this.seenMs = nowMs;
    return this.heavyMs > heavyMs;
  }

  /** @returns true when the guest has just earned the runner's own thread: the caller may still refuse it */
  callEnded(): boolean {
    if (this.isSync || this.limits.syncAfterCalls === 0) return false;
    this.credit += 1;
    if (this.credit < this.limits.syncAfterCalls) return false;
    this.isSync = true;
    return true;
  }

  /** Not now: it has to earn it anew. */
  refuseSync(): void {
    this.isSync = false;
    this.credit = 0;
  }
}
