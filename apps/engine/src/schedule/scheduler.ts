import { createHash } from 'node:crypto';
import { parseCapability, type Problem } from '@proxylet/contract';
import type { Active } from '../installations/active.js';
import { type CronTimes, cronTimes, planOf } from './cron-times.js';
import type { LastRun, LineState } from './schedule-store.js';

export interface SchedulerOptions {
  readonly store: {
    all(): LineState[];
    save(state: LineState): void;
    delete(installationId: string, cron: string): void;
  };
  /** Runs one line; answers the problem it ended with. */
  readonly run: (active: Active, run: ScheduledRun) => Promise<Problem | undefined>;
  /** Told of times left out. */
  readonly onSkipped: (active: Active, cron: string, dueMs: number) => void;
  /** Told of failures of the store; schedules go on in memory. */
  readonly onStoreFailure: (error: unknown) => void;
  readonly newTraceId: () => string;
  /** How long after its time a line may begin at most, ms: spreads those that are due together. */
  readonly jitterMs: number;
  /** How old a missed time may be to be made up for, ms. */
  readonly windowMs: number;
  /** Runs at once on this engine. */
  readonly concurrency: number;
  readonly now?: (() => number) | undefined;
}

export interface ScheduledRun {
  readonly cron: string;
  readonly dueMs: number;
  readonly traceId: string;
}

interface Line {
  readonly active: Active;
  readonly times: CronTimes;
  readonly jitterMs: number;
  readonly state: LineState;
  readonly nextMs: number | undefined;
  /** Due, and not ended yet. */
  readonly isOpen: boolean;
}

export interface LineView {
  readonly cron: string;
  /** Undefined for a line that never comes due. */
  readonly nextMs: number | undefined;
  readonly last: LastRun | undefined;
  readonly skippedMs: number | undefined;
  readonly isRunning: boolean;
}

/** The clock is looked at this often at least: it may be set, and the machine may have slept. */
const longestWaitMs = 15_000;

/**
 * Runs the schedules of all installations from one timer. Lines of one installation run one after the other; a line
 * whose run is still open when its next time comes leaves that one out.
 */
export class Scheduler implements Disposable {
  private readonly lines = new Map<string, Map<string, Line>>();
  private readonly waiting: { readonly installationId: string; readonly run: ScheduledRun }[] = [];
  private readonly running = new Set<string>();
  private readonly stored: Map<string, LineState>;
  private readonly now: () => number;
  private timer: NodeJS.Timeout | undefined;
  private lastLookMs = 0;
  private isDisposed = false;
  /** Ended runs by outcome, and times left out as `skipped`. */
  readonly outcomes = new Map<string, number>();

  constructor(private readonly options: SchedulerOptions) {
    this.now = options.now ?? Date.now;
    this.stored = new Map(
      options.store.all().map((state) => [keyOf(state.installationId, state.cron), state]),
    );
  }

  /** Takes over what is installed, at the start: lines of before that nobody has any more are forgotten. */
  start(all: readonly Active[]): void {
    this.change(all, []);
    for (const state of this.stored.values()) this.forget(state);
    this.stored.clear();
    this.look();
  }

  /** @param next installed or changed; @param gone removed for good */
  change(next: readonly Active[], gone: readonly Active[]): void {
    for (const { record } of gone) {
      for (const { state } of this.lines.get(record.id)?.values() ?? []) this.forget(state);
      this.lines.delete(record.id);
    }
    for (const active of next) this.adopt(active);
    this.arm();
  }

  /** In the order of the manifest. */
  view(installationId: string): LineView[] {
    return [...(this.lines.get(installationId)?.values() ?? [])].map(({ state, nextMs, isOpen }) => ({
      cron: state.cron,
      nextMs,
      last: state.last,
      skippedMs: state.skippedMs,
      isRunning: isOpen,
    }));
  }

  /** Looks at the clock now: runs what is due, and waits for what is next. */
  look(): void {
    const nowMs = this.now();
    // Where the clock went back, what waits for the far future is planned anew.
    const isSetBack = nowMs < this.lastLookMs;
    this.lastLookMs = nowMs;
    for (const lines of this.lines.values()) {
      for (const line of lines.values()) {
        const { nextMs, jitterMs } = line;
        if (isSetBack || (nextMs !== undefined && nextMs + jitterMs <= nowMs)) this.plan(line, nowMs);
      }
    }
    this.arm();
  }

  [Symbol.dispose](): void {
    this.isDisposed = true;
    clearTimeout(this.timer);
  }

  private adopt(active: Active): void {
    const { id, manifest, granted } = active.record;
    const before = this.lines.get(id);
    const isGranted = granted.capabilities.some((want) => parseCapability(want).name === 'schedule');
    const crons = isGranted ? [...new Set(manifest.schedule)] : [];
    const lines = new Map(crons.map((cron) => [cron, this.lineOf(active, cron, before?.get(cron))]));
    for (const [cron, { state }] of before ?? []) if (!lines.has(cron)) this.forget(state);
    if (lines.size > 0) this.lines.set(id, lines);
    else this.lines.delete(id);
  }

  private lineOf(active: Active, cron: string, before: Line | undefined): Line {
    if (before !== undefined) return { ...before, active };
    const { id } = active.record;
    const nowMs = this.now();
    const key = keyOf(id, cron);
    const known = this.stored.get(key);
    this.stored.delete(key);
    const fresh = { installationId: id, cron, dueMs: nowMs, last: undefined, skippedMs: undefined };
    const state = known ?? fresh;
    if (known === undefined) this.save(fresh);
    const times = cronTimes(cron);
    const jitterMs = jitterOf(key, this.options.jitterMs);
    // A line known from before may have missed a time: it is looked at with the next look.
    const nextMs = known === undefined ? times.next(nowMs) : 0;
    return { active, times, jitterMs, state, nextMs, isOpen: false };
  }

  private plan(line: Line, nowMs: number): void {
    const { times, state, jitterMs } = line;
    const { dueMs, nextMs, afterMs } = planOf(times, state.dueMs, nowMs - jitterMs, this.options.windowMs);
    const planned = { ...line, nextMs, state: { ...state, dueMs: afterMs } };
    if (dueMs === undefined) this.put(planned, afterMs !== state.dueMs);
    else if (line.isOpen) this.skip(planned, dueMs);
    else this.open(planned, dueMs);
  }

  private skip(line: Line, dueMs: number): void {
    this.put({ ...line, state: { ...line.state, skippedMs: dueMs } }, true);
    this.count('skipped');
    this.options.onSkipped(line.active, line.state.cron, dueMs);
  }

  /** Written down before it runs: a death in the middle does not run the same time again. */
  private open(line: Line, dueMs: number): void {
    this.put({ ...line, isOpen: true }, true);
    const { installationId, cron } = line.state;
    this.waiting.push({ installationId, run: { cron, dueMs, traceId: this.options.newTraceId() } });
    this.pump();
  }

  private pump(): void {
    while (this.running.size < this.options.concurrency && !this.isDisposed) {
      const index = this.waiting.findIndex(({ installationId }) => !this.running.has(installationId));
      const [first] = index < 0 ? [] : this.waiting.splice(index, 1);
      if (first === undefined) return;
      void this.run(first.installationId, first.run);
    }
  }

  private async run(installationId: string, run: ScheduledRun): Promise<void> {
    const line = this.find(installationId, run.cron);
    if (line === undefined) return;
    this.running.add(installationId);
    const { dueMs, traceId } = run;
    const last: LastRun = { dueMs, startedMs: this.now(), endedMs: undefined, outcome: undefined, traceId };
    this.put({ ...line, state: { ...line.state, last } }, true);
    const problem = await this.options.run(line.active, run);
    this.running.delete(installationId);
    const outcome = problem?.code ?? 'ok';
    this.count(outcome);
    const ended = this.find(installationId, run.cron);
    if (ended !== undefined && !this.isDisposed) {
      const state = { ...ended.state, last: { ...last, endedMs: this.now(), outcome } };
      this.put({ ...ended, isOpen: false, state }, true);
    }
    this.pump();
  }

  private find(installationId: string, cron: string): Line | undefined {
    return this.lines.get(installationId)?.get(cron);
  }

  private put(line: Line, isChanged: boolean): void {
    this.lines.get(line.state.installationId)?.set(line.state.cron, line);
    if (isChanged) this.save(line.state);
  }

  private save(state: LineState): void {
    try {
      this.options.store.save(state);
    } catch (error) {
      this.options.onStoreFailure(error);
    }
  }

  private forget({ installationId, cron }: LineState): void {
    try {
      this.options.store.delete(installationId, cron);
    } catch (error) {
      this.options.onStoreFailure(error);
    }
  }

  private count(outcome: string): void {
    this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1);
  }

  private arm(): void {
    if (this.isDisposed) return;
    let soonestMs = Number.POSITIVE_INFINITY;
    for (const lines of this.lines.values()) {
      for (const { nextMs, jitterMs } of lines.values()) {
        if (nextMs !== undefined) soonestMs = Math.min(soonestMs, nextMs + jitterMs);
      }
    }
    clearTimeout(this.timer);
    if (this.lines.size === 0) return;
    const waitMs = Math.min(Math.max(0, soonestMs - this.now()), longestWaitMs);
    this.timer = setTimeout(() => this.look(), waitMs);
    this.timer.unref();
  }
}

function keyOf(installationId: string, cron: string): string {
  return `${installationId} ${cron}`;
}

/** The same for a line at each of its times, so that its runs keep their distance. */
function jitterOf(key: string, mostMs: number): number {
  return createHash('sha256').update(key).digest().readUInt32LE() % (mostMs + 1);
}
