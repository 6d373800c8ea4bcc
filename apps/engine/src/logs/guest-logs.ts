import { randomBytes } from 'node:crypto';
import type { GuestLogEntry } from '@proxylet/sandbox';
import { LogRing, type LogReplay } from './log-ring.js';

/** Where guest lines also go, besides the ring: the engine's own log. */
export type LogSink = (fields: Readonly<Record<string, unknown>>, text: string) => void;

export interface GuestLogSource {
  readonly installationId: string;
  readonly proxylet: string;
  readonly version: string;
}

/** Lines of one installation that reach the engine's own log per second; the ring takes every one. */
const sinkLinesPerSecond = 20;
const entriesPerBatch = 1000;

/** One ring per installation that has logged, and the way from there into the engine's log. */
export class GuestLogs {
  /** Event ids carry it: after a restart, an id of before names lines that are gone. */
  readonly epoch = randomBytes(4).toString('hex');
  private readonly rings = new Map<string, LogRing>();
  private readonly budgets = new Map<string, { second: number; left: number }>();

  constructor(
    private readonly sink: LogSink,
    private readonly now: () => number = Date.now,
  ) {}

  add(source: GuestLogSource, entries: readonly GuestLogEntry[]): void {
    const ring = this.ringOf(source.installationId);
    for (const entry of entries.slice(0, entriesPerBatch)) {
      const line = ring.add(entry, source.version, this.now());
      if (!this.maySink(source.installationId)) continue;
      const { installationId, proxylet, version } = source;
      const { level, traceId, text } = line;
      this.sink({ source: 'guest', installation: installationId, proxylet, version, level, traceId }, text);
    }
  }

  ringOf(installationId: string): LogRing {
    const existing = this.rings.get(installationId);
    if (existing !== undefined) return existing;
    const ring = new LogRing();
    this.rings.set(installationId, ring);
    return ring;
  }

  /** Lines after a `Last-Event-ID`; one of another epoch, or one nobody gave, counts as "everything missed". */
  replay(installationId: string, lastEventId: string): LogReplay {
    const [epoch, text] = lastEventId.split('-');
    const sequence = Number(text);
    const isOurs = epoch === this.epoch && Number.isSafeInteger(sequence) && sequence >= 0;
    return this.ringOf(installationId).since(isOurs ? sequence : 0);
  }

  isKnown(lastEventId: string): boolean {
    return lastEventId.startsWith(`${this.epoch}-`);
  }

  erase(installationId: string): void {
    this.rings.delete(installationId);
    this.budgets.delete(installationId);
  }

  private maySink(installationId: string): boolean {
    const second = Math.floor(this.now() / 1000);
    let budget = this.budgets.get(installationId);
    if (budget?.second !== second) {
      budget = { second, left: sinkLinesPerSecond };
      this.budgets.set(installationId, budget);
    }
    budget.left -= 1;
    return budget.left >= 0;
  }
}
