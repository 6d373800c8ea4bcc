/** How old a reading may be when the engine hears of it. */
const reportEveryMs = 100;
/** One frame holds 32 bits. */
const maxMicros = 0xffff_ffff;

/** Adds up the CPU time of each guest and tells of it now and then, for what it may use over time. */
export class CpuMeter {
  private readonly usedMs = new Map<number, number>();
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly report: (key: number, micros: number) => void) {}

  add(key: number, ms: number): void {
    if (!(ms > 0)) return;
    this.usedMs.set(key, (this.usedMs.get(key) ?? 0) + ms);
    this.timer ??= setTimeout(() => this.flush(), reportEveryMs);
  }

  private flush(): void {
    this.timer = undefined;
    for (const [key, ms] of this.usedMs) this.report(key, Math.min(Math.round(ms * 1000), maxMicros));
    this.usedMs.clear();
  }
}
