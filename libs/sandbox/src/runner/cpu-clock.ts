/**
 * isolated-vm's own `cpuTime` counts the time on the clock in its prebuilt form, which on a busy machine is far more
 * than the CPU a guest got. What the process or the thread used since is a bound from the other side.
 */
const exactBelowMs = 2;
/** A reading may be this old: taking one costs as much as a small entry. */
const staleMs = 1;

class CpuClock {
  private readMs = 0;
  private usedMs = 0;

  constructor(private readonly read: () => NodeJS.CpuUsage) {}

  /** CPU time so far, ms; too small by at most what a millisecond holds. */
  mark(nowMs: number): number {
    if (nowMs - this.readMs > staleMs) this.sample(nowMs);
    return this.usedMs;
  }

  /** CPU time of work that took so long on the clock and began at a mark, ms; never less than it was. */
  since(mark: number, clockMs: number): number {
    if (clockMs < exactBelowMs) return clockMs;
    return Math.min(clockMs, this.sample(performance.now()) - mark);
  }

  private sample(nowMs: number): number {
    const { user, system } = this.read();
    this.readMs = nowMs;
    this.usedMs = (user + system) / 1000;
    return this.usedMs;
  }
}

/** Of all threads: for work on the pool, beside which others may run. */
export const processCpu = new CpuClock(() => process.cpuUsage());
/** Of the runner's own thread: exact for entries made on it. */
export const threadCpu = new CpuClock(() => process.threadCpuUsage());
