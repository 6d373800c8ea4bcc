import type { RunnerProcess } from './runner-process.js';

/** The part of a runner process that is watched. */
export type WatchedProcess = Pick<RunnerProcess, 'rssBytes' | 'cpuMs' | 'kill'>;

export interface HeartbeatLink {
  readonly ping: (id: number) => void;
  readonly longestCpuMs: () => number;
  readonly largestMemoryMb: () => number;
  readonly isBusy: () => boolean;
}

const intervalMs = 100;
/** Same factor and grace as a runner's own time limits, then some for the end of the turn. */
const wallFactor = 2;
const graceMs = 550;
/** CPU time a module's top level may take. */
const startMs = 1000;
/** CPU time is read in ticks of 10 ms. */
const cpuSlackMs = 20;
/** V8 takes more than its limit before it gives up (isolates.md §2.2): beyond this it will not. */
const overshoot = 2;
const slackMb = 64;
/** Starved or not, a runner silent for this many deadlines is of no use. */
const patience = 5;

/**
 * Watches a runner from outside: memory by its resident size, life by pings that its event loop answers. Some
 * built-in functions cannot be interrupted from inside (isolates.md §2.5); killing the process always works.
 */
export class Heartbeat {
  private timer: NodeJS.Timeout | undefined;
  /** CPU time of the process at the last look, and at the one before a guest's was told, ms. */
  private seenCpuMs = 0;
  private meteredAtMs = 0;
  private lastPing = 0;
  private isAwaited = false;
  private sentAtMs = 0;
  private cpuAtPingMs = 0;
  private rssAtPing = 0;

  constructor(
    private readonly runner: WatchedProcess,
    private readonly memoryMb: number,
    private readonly link: HeartbeatLink,
  ) {}

  start(): void {
    this.timer = setInterval(() => this.beat(), intervalMs);
    this.timer.unref();
  }

  stop(): void {
    clearInterval(this.timer);
  }

  /** For longer than any entry of sane code takes: it is inside one that does not end. */
  get isSilent(): boolean {
    return this.isAwaited && performance.now() - this.sentAtMs > startMs;
  }

  /** The runner has told what its guests used. */
  metered(): void {
    this.meteredAtMs = this.seenCpuMs;
  }

  /** CPU time that nobody was told of yet, ms. */
  get unmeteredMs(): number {
    return Math.max(0, this.seenCpuMs - this.meteredAtMs);
  }

  pong(id: number): void {
    if (id === this.lastPing) this.isAwaited = false;
  }

  private beat(): void {
    this.seenCpuMs = this.runner.cpuMs ?? this.seenCpuMs;
    if (this.runner.rssBytes > this.memoryMb * 1024 * 1024) {
      this.runner.kill('memory');
      return;
    }
    if (this.isAwaited) this.judge();
    else if (this.link.isBusy()) this.send();
  }

  private send(): void {
    this.lastPing = (this.lastPing % 0xffff_fffe) + 1;
    this.isAwaited = true;
    this.sentAtMs = performance.now();
    this.cpuAtPingMs = this.runner.cpuMs ?? 0;
    this.rssAtPing = this.runner.rssBytes;
    this.link.ping(this.lastPing);
  }

  /** The runner has been inside one entry since the ping: what grew meanwhile is that guest's. */
  private judge(): void {
    const grownMb = (this.runner.rssBytes - this.rssAtPing) / 1024 / 1024;
    const memoryMb = this.link.largestMemoryMb();
    if (grownMb > memoryMb * overshoot + slackMb) {
      this.runner.kill('memory');
      return;
    }
    const budgetMs = Math.max(startMs, this.link.longestCpuMs());
    const silentMs = performance.now() - this.sentAtMs;
    const deadlineMs = budgetMs * wallFactor + graceMs;
    if (silentMs < deadlineMs) return;
    const cpuMs = this.runner.cpuMs;
    // On a busy machine it may not have had the CPU time yet that one entry is promised.
    const isStarved = cpuMs !== undefined && cpuMs - this.cpuAtPingMs < budgetMs + cpuSlackMs;
    if (isStarved && silentMs <= deadlineMs * patience) return;
    // Some built-ins fill memory and cannot be stopped: that is what the caller should hear then.
    this.runner.kill(grownMb > memoryMb ? 'memory' : 'hang');
  }
}
