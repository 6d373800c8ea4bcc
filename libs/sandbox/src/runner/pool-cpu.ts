/** What the clocks said when an operation began. */
export interface PoolMark {
  readonly clockMs: number;
  readonly cpuMs: number;
}

/**
 * CPU time of operations on the threads of the process's pool: keys and compression. Nobody counts by thread there, so
 * it is what all threads but the runner's own used meanwhile, in equal parts among the operations under way, and never
 * more than one thread could have used in that time.
 */
export class PoolCpu {
  private running = 0;

  begin(): PoolMark {
    this.running += 1;
    return { clockMs: performance.now(), cpuMs: otherThreadsMs() };
  }

  /** CPU time charged for the operation, ms. */
  end({ clockMs, cpuMs }: PoolMark): number {
    const share = (otherThreadsMs() - cpuMs) / this.running;
    this.running -= 1;
    return Math.max(0, Math.min(performance.now() - clockMs, share));
  }
}

function otherThreadsMs(): number {
  const all = process.cpuUsage();
  const own = process.threadCpuUsage();
  return (all.user + all.system - own.user - own.system) / 1000;
}
