import { processCpu } from './cpu-clock.js';

/** Work of a guest on a thread of the pool. */
export interface WatchedWork {
  readonly memoryMb: number;
  /** CPU time it may use, ms. */
  readonly budgetMs: number;
  /** Stops it by disposing of its isolate; its calls get the code. */
  readonly stop: (code: 'cpu-limit' | 'memory-limit') => void;
  /** It could not be stopped: its thread, and what it holds, are lost until the process ends. */
  readonly isLost: (code: 'cpu-limit' | 'memory-limit') => void;
}

interface Watched {
  readonly work: WatchedWork;
  readonly startedMs: number;
  readonly cpuMark: number;
  /** At the first reading; 0 before. */
  rssBytes: number;
  stopped:
    | { readonly code: 'cpu-limit' | 'memory-limit'; readonly atMs: number; readonly cpuMark: number }
    | undefined;
}

const tickMs = 20;
/** Reading the resident size costs more than the clock: every so many ticks. */
const memoryTicks = 4;
/** V8 takes more than its limit before it gives up (isolates.md §2.2). */
const overshoot = 2;
const slackMb = 64;
/** CPU time after which work that was told to stop will not, ms; and on a starved machine the time on the clock. */
const lostCpuMs = 100;
const lostClockMs = 3000;

/**
 * Keeps work on threads of the pool within its CPU and memory, from the runner's own thread. The time limit of an
 * entry is only the last resort: it goes by the clock, and some built-in functions do not hear of it.
 */
export class Watchdog {
  private readonly all = new Set<Watched>();
  private timer: NodeJS.Timeout | undefined;
  private ticks = 0;

  /** @returns ends the watch */
  begin(work: WatchedWork): () => void {
    const startedMs = performance.now();
    const watched: Watched = {
      work,
      startedMs,
      cpuMark: processCpu.mark(startedMs),
      rssBytes: 0,
      stopped: undefined,
    };
    this.all.add(watched);
    this.timer ??= setInterval(() => this.tick(), tickMs);
    return () => {
      this.all.delete(watched);
    };
  }

  private tick(): void {
    this.ticks += 1;
    if (this.all.size === 0) {
      clearInterval(this.timer);
      this.timer = undefined;
      return;
    }
    const nowMs = performance.now();
    const rssBytes = this.ticks % memoryTicks === 0 ? process.memoryUsage.rss() : 0;
    for (const watched of this.all) {
      if (watched.stopped === undefined) this.judge(watched, nowMs, rssBytes);
      else this.giveUp(watched, nowMs);
    }
  }

  private judge(watched: Watched, nowMs: number, rssBytes: number): void {
    const { work, startedMs, cpuMark } = watched;
    const cpuMs = processCpu.since(cpuMark, nowMs - startedMs);
    if (watched.rssBytes === 0) watched.rssBytes = rssBytes;
    const grownMb = (rssBytes - watched.rssBytes) / 1024 / 1024;
    const isLarge = watched.rssBytes > 0 && grownMb > work.memoryMb * overshoot + slackMb;
    if (cpuMs <= work.budgetMs && !isLarge) return;
    const code = isLarge ? 'memory-limit' : 'cpu-limit';
    watched.stopped = { code, atMs: nowMs, cpuMark: processCpu.mark(nowMs) };
    work.stop(code);
  }

  private giveUp(watched: Watched, nowMs: number): void {
    if (watched.stopped === undefined) return;
    const { code, atMs, cpuMark } = watched.stopped;
    const cpuMs = processCpu.since(cpuMark, nowMs - atMs);
    if (cpuMs < lostCpuMs && nowMs - atMs < lostClockMs) return;
    this.all.delete(watched);
    watched.work.isLost(code);
  }
}
