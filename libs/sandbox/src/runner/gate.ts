import type Ivm from 'isolated-vm';
import type { LoadMessage, Trust } from '../wire/messages.js';
import type { RunnerSettings } from '../wire/runner-settings.js';
import type { Blank } from './blank.js';
import { processCpu, threadCpu } from './cpu-clock.js';
import type { EntryKind } from './entries.js';
import type { Marks } from './marks.js';
import { Pace } from './pace.js';

import type { Watchdog } from './watchdog.js';

export interface Entry {
  readonly kind: EntryKind;
  /** On whose behalf. */
  readonly callId: number;
  readonly id: number;
  readonly a: unknown;
  readonly b: unknown;
  readonly c: unknown;
}

/** How an entry went. */
export interface Settled {
  readonly entry: Entry;
  readonly usedMs: number;
  readonly fault: unknown;
  readonly isHeavy: boolean;
  /** The isolate is gone or must go. */
  readonly end: 'cpu-limit' | 'memory-limit' | undefined;
}

export interface GateOutside {
  readonly settings: RunnerSettings;
  readonly watchdog: Watchdog;
  readonly marks: Marks;
  readonly settled: (event: Settled) => void;
  /** Whether an entry that waited still has a purpose. */
  readonly isWanted: (entry: Entry) => boolean;
  /** What the guest is trusted with from now on, also in its next isolate. */
  readonly earned: (trust: Trust) => void;
  /** The isolate had better be replaced. */
  readonly isWorn: (reason: string) => void;
  /** A thread of the pool is lost in this guest's code. */
  readonly lost: (key: number, code: 'cpu-limit' | 'memory-limit') => void;
}

/** Time on the clock that an entry may take beyond its CPU budget, on the runner's own thread. */
const wallFactor = 2;
const wallGraceMs = 50;
/** On the pool the watchdog counts CPU time; the clock is the last resort. */
const poolWallFactor = 8;
const poolWallGraceMs = 1000;
/** Heap share below which a guest may come to the runner's own thread, where running out of memory is fatal. */
const trustedHeapShare = 0.5;
const reviewCalls = 64;

/**
 * The only way into an isolate: one entry at a time, made on the runner's own thread or on one of the pool as the
 * guest's pace allows, never on both (isolates.md R13). What comes while one is under way waits in order.
 */
export class Gate {
  activeCallId = 0;
  private blank: Blank | undefined;
  private isBusy = true;
  private isClosed = false;
  private stopped: 'cpu-limit' | 'memory-limit' | undefined;
  private waiting: { readonly entry: Entry; readonly budgetMs: number }[] = [];
  private readonly pace: Pace;
  private callCount = 0;
  private hasNews = false;
  private readonly openedMs = performance.now();

  constructor(
    private readonly key: number,
    private readonly load: LoadMessage,
    private readonly outside: GateOutside,
  ) {
    this.pace = new Pace(outside.settings.pace, load.trust === 'thread', load.credit);
  }

  /** Runs the start on the pool, then lets in what waits. @throws what the start throws */
  async open(blank: Blank, budgetMs: number, start: () => Promise<void>): Promise<void> {
    this.blank = blank;
    const before = insideMs(blank.isolate);
    await this.watched(budgetMs, start);
    if (insideMs(blank.isolate) - before < this.outside.settings.pace.slowMs) {
      this.outside.earned('start');
    }
    this.opened();
  }

  /** The same on the runner's own thread. */
  openHere(blank: Blank, start: () => void): void {
    this.blank = blank;
    this.outside.marks.onOwnThread(this.key);
    start();
    this.opened();
  }

  private opened(): void {
    this.isBusy = false;
    this.next();
  }

  /** What the guest has earned in this isolate goes along into its next one. */
  get credit(): number {
    return Math.max(0, this.pace.credit);
  }

  close(): void {
    this.isClosed = true;
    this.waiting = [];
  }

  enter(entry: Entry, budgetMs: number): void {
    if (this.isClosed) return;
    this.waiting.push({ entry, budgetMs });
    this.next();
  }

  /** A call ended, in the entry under way or outside of one. */
  callEnded(): void {
    this.callCount += 1;
    this.hasNews = true;
  }

  /** After an entry: whether the guest earned the runner's own thread, and whether its isolate is worn. */
  private review(): void {
    if (!this.hasNews || this.isClosed || this.blank === undefined) return;
    this.hasNews = false;
    const hasEarned = this.pace.callEnded();
    if (!hasEarned && this.callCount % reviewCalls !== 0) return;
    const { recycle } = this.outside.settings;
    const { used_heap_size: used, externally_allocated_size: external } =
      this.blank.isolate.getHeapStatisticsSync();
    const share = (used + external) / (this.load.memoryMb * 1024 * 1024);
    if (share > trustedHeapShare) this.pace.refuseSync();
    else if (hasEarned) this.outside.earned('thread');
    if (share > recycle.heapShare) this.outside.isWorn('heap');
    else if (this.callCount >= recycle.calls) this.outside.isWorn('calls');
    else if (performance.now() - this.openedMs > recycle.ageMs) this.outside.isWorn('age');
  }

  private enterHere(entry: Entry, budgetMs: number): void {
    if (this.blank === undefined) return;
    const { kind, callId, id, a, b, c } = entry;
    const { isolate, enter } = this.blank;
    this.outside.marks.onOwnThread(this.key);
    this.activeCallId = callId;
    this.isBusy = true;
    const startedMs = performance.now();
    const cpuMark = threadCpu.mark(startedMs);
    let fault: unknown;
    try {
      enter.applySync(undefined, [kind, id, a, b, c] as never[], {
        timeout: Math.ceil(budgetMs * wallFactor + wallGraceMs),
        ...(a instanceof ArrayBuffer || b instanceof ArrayBuffer ? copyArguments : {}),
      });
    } catch (error) {
      fault = error;
    }
    this.isBusy = false;
    this.activeCallId = 0;
    const usedMs = threadCpu.since(cpuMark, performance.now() - startedMs);
    this.settle(entry, usedMs, fault, isolate.isDisposed);
    this.review();
  }

  private async enterOnPool(entry: Entry, budgetMs: number): Promise<void> {
    if (this.blank === undefined) return;
    const { kind, callId, id, a, b, c } = entry;
    const { isolate, enter } = this.blank;
    this.activeCallId = callId;
    this.isBusy = true;
    const before = insideMs(isolate);
    const cpuMark = processCpu.mark(performance.now());
    let fault: unknown;
    try {
      await this.watched(budgetMs, () =>
        enter.apply(undefined, [kind, id, a, b, c] as never[], {
          timeout: Math.ceil(budgetMs * poolWallFactor + poolWallGraceMs),
          ...(a instanceof ArrayBuffer || b instanceof ArrayBuffer ? copyArguments : {}),
        }),
      );
    } catch (error) {
      fault = error;
    }
    this.isBusy = false;
    this.activeCallId = 0;
    if (this.isClosed) return;
    const usedMs = processCpu.since(cpuMark, insideMs(isolate) - before);
    this.settle(entry, usedMs, fault, isolate.isDisposed);
    if (!this.isBusy) this.review();
    this.next();
  }

  private async watched(budgetMs: number, work: () => Promise<unknown>): Promise<void> {
    const { marks, watchdog, lost } = this.outside;
    const unmark = marks.onPool(this.key);
    const unwatch = watchdog.begin({
      memoryMb: this.load.memoryMb,
      budgetMs,
      stop: (code) => this.stop(code),
      isLost: (code) => lost(this.key, code),
    });
    try {
      await work();
    } finally {
      unwatch();
      unmark();
    }
  }

  /** From the watchdog. Whoever waits is told when it has stopped, or is known not to. */
  private stop(code: 'cpu-limit' | 'memory-limit'): void {
    if (this.isClosed || this.blank === undefined) return;
    this.stopped = code;
    if (!this.blank.isolate.isDisposed) this.blank.isolate.dispose();
  }

  private settle(entry: Entry, usedMs: number, fault: unknown, isGone: boolean): void {
    const isTimedOut = fault instanceof Error && fault.message === 'Script execution timed out.';
    const wasSync = this.pace.isSync;
    const isHeavy = this.pace.entered(usedMs, performance.now());
    if (wasSync && !this.pace.isSync) this.outside.earned('start');
    const end = isGone ? (this.stopped ?? 'memory-limit') : isTimedOut ? 'cpu-limit' : undefined;
    this.outside.settled({
      entry,
      usedMs,
      fault: end === undefined ? fault : undefined,
      isHeavy,
      end,
    });
  }

  private next(): void {
    while (!this.isBusy && !this.isClosed) {
      const next = this.waiting.shift();
      if (next === undefined) return;
      if (!this.outside.isWanted(next.entry)) continue;
      const budgetMs = Math.max(1, next.budgetMs);
      if (this.pace.isSync) this.enterHere(next.entry, budgetMs);
      else void this.enterOnPool(next.entry, budgetMs);
    }
  }
}

/** Time on the clock that threads spent inside, ms; 0 of an isolate that is gone. */
function insideMs(isolate: Ivm.Isolate): number {
  return isolate.isDisposed ? 0 : Number(isolate.wallTime) / 1e6;
}

const copyArguments = { arguments: { copy: true } } as const;
