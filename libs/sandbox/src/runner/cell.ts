import type Ivm from 'isolated-vm';
import type { LoadMessage } from '../wire/messages.js';
import { entry, type EntryKind } from './entries.js';
import { type HostFunctions, type LiveIsolate, startIsolate, StartFailure } from './isolate.js';
import type { Prelude } from './prelude.js';

/** What a cell asks of the runner around it. */
export interface CellOutside {
  readonly prelude: Prelude;
  readonly hostFunctions: (cell: Cell) => HostFunctions;
  /** Marks who runs now, so that the engine knows the culprit when this process dies. */
  readonly mark: (key: number) => void;
  readonly callFailed: (callId: number, code: string, detail: string) => void;
  readonly cancelOp: (wireId: number) => void;
  readonly log: (cell: Cell, callId: number, level: string, text: string) => void;
  /** A call ended, however it did. */
  readonly callOver: (cell: Cell, callId: number) => void;
  readonly gone: (cell: Cell, reason: string) => void;
}

interface OpenCall {
  cpuNs: number;
  isAnswered: boolean;
  /** Limits whose breach was told to the engine; made on first use. */
  breaches: Set<string> | undefined;
  /** Whether the CPU limit is for each entry: of a call that lasts as long as its connection does. */
  isMeteredByEntry: boolean;
  /** Timers and operations that end with the call; made on first use. */
  timers: Set<number> | undefined;
  ops: Set<number> | undefined;
  /** Ends what `waitUntil` keeps open for too long. */
  lateTimer: NodeJS.Timeout | undefined;
}

/** Wall time an entry may take beyond its CPU budget: on a busy machine the guest gets the CPU it was promised. */
const wallFactor = 2;
const wallGraceMs = 50;
/** More than there are limits: for a prelude that guest code has tampered with. */
const maxBreaches = 20;
/** CPU time of the module's top level. */
const startMs = 1000;

/**
 * One installation's isolate and its open calls. Every entry runs under a time limit that covers its microtasks,
 * so that code after an `await` counts as well. An isolate that broke a limit is not used again.
 */
export class Cell {
  private live: LiveIsolate | undefined;
  private isDead = false;
  private readonly calls = new Map<number, OpenCall>();
  private readonly timers = new Map<number, NodeJS.Timeout>();
  /** The call of the entry under way, 0 for none. */
  activeCallId = 0;

  constructor(
    readonly key: number,
    readonly load: LoadMessage,
    private source: string,
    private readonly outside: CellOutside,
  ) {}

  get openCalls(): number {
    return this.calls.size;
  }

  /** @throws StartFailure */
  start(): void {
    if (this.live !== undefined) return;
    const { filename, memoryMb, config, secrets, kv, dependencies, installation } = this.load;
    this.outside.mark(this.key);
    this.live = startIsolate(
      {
        source: this.source,
        filename,
        memoryMb,
        startMs,
        environmentJson: JSON.stringify({ config, secrets, hasKv: kv, dependencies, installation }),
      },
      this.outside.prelude,
      this.outside.hostFunctions(this),
    );
    this.source = '';
  }

  call(id: number, head: string, body: ArrayBuffer | undefined, isStreaming: boolean): void {
    this.calls.set(id, {
      cpuNs: 0,
      isAnswered: false,
      breaches: undefined,
      isMeteredByEntry: false,
      timers: undefined,
      ops: undefined,
      lateTimer: undefined,
    });
    try {
      this.start();
    } catch (error) {
      const reason = error instanceof StartFailure ? error.message : 'The isolate could not be made.';
      this.die('proxylet-invalid', reason, id);
      return;
    }
    this.enter(entry.call, id, id, head, body, isStreaming);
  }

  /** Enters the isolate on behalf of a call; a call that is gone costs nothing. */
  enterFor(callId: number, kind: EntryKind, id: number, a?: unknown, b?: unknown, c?: unknown): void {
    if (this.calls.has(callId)) this.enter(kind, callId, id, a, b, c);
  }

  cancel(callId: number, reason: string): void {
    const call = this.calls.get(callId);
    if (call === undefined) return;
    call.isAnswered = true;
    this.enter(entry.cancel, callId, callId, reason);
    this.settled(callId);
  }

  /** True when the answer may go out: once, and only for a call that is open. */
  answer(callId: number): boolean {
    const call = this.calls.get(callId);
    if (call === undefined || call.isAnswered) return false;
    call.isAnswered = true;
    return true;
  }

  has(callId: number): boolean {
    return this.calls.has(callId);
  }

  /** The call is over, and with it whatever it started. */
  settled(callId: number): void {
    const call = this.calls.get(callId);
    if (call === undefined) return;
    this.calls.delete(callId);
    this.outside.callOver(this, callId);
    clearTimeout(call.lateTimer);
    for (const timerId of call.timers ?? []) this.clearTimer(timerId);
    for (const wireId of call.ops ?? []) this.outside.cancelOp(wireId);
  }

  /** The answer is out and work goes on under `waitUntil`: as long as a call may take, once more. */
  limitLateWork(callId: number): void {
    const call = this.calls.get(callId);
    if (call === undefined) return;
    call.lateTimer = setTimeout(() => this.cancel(callId, 'waitUntil took too long'), this.load.timeoutMs);
  }

  /** From here on each entry of the call has the CPU time of a call. */
  meterEntries(callId: number): void {
    const call = this.calls.get(callId);
    if (call !== undefined) call.isMeteredByEntry = true;
  }

  ownOp(callId: number, wireId: number): boolean {
    const call = this.calls.get(callId);
    if (call === undefined) return false;
    call.ops ??= new Set();
    call.ops.add(wireId);
    return true;
  }

  /** True for the first breach of a limit in an open call: the engine hears of each once. */
  breach(callId: number, limit: string): boolean {
    const call = this.calls.get(callId);
    if (call === undefined || call.breaches?.has(limit) === true) return false;
    call.breaches ??= new Set();
    call.breaches.add(limit);
    return call.breaches.size <= maxBreaches;
  }

  endOp(callId: number, wireId: number): void {
    this.calls.get(callId)?.ops?.delete(wireId);
  }

  /** A timer of a call that is over is never set: there would be nobody to pay for it. */
  setTimer(timerId: number, callId: number, delayMs: number): void {
    const call = this.calls.get(callId);
    if (call === undefined) return;
    call.timers ??= new Set();
    call.timers.add(timerId);
    const timer = setTimeout(() => {
      this.timers.delete(timerId);
      call.timers?.delete(timerId);
      this.enterFor(callId, entry.timer, timerId);
    }, delayMs);
    this.timers.set(timerId, timer);
  }

  clearTimer(timerId: number): void {
    clearTimeout(this.timers.get(timerId));
    this.timers.delete(timerId);
  }

  /** Ends the isolate; open calls fail with the reason, the culprit's with its own code. */
  die(code: string, detail: string, culprit = 0): void {
    if (this.isDead) return;
    this.isDead = true;
    for (const timer of this.timers.values()) clearTimeout(timer);
    this.timers.clear();
    for (const [id, { lateTimer }] of this.calls) {
      clearTimeout(lateTimer);
      if (id === culprit || culprit === 0) this.outside.callFailed(id, code, detail);
      else
        this.outside.callFailed(
          id,
          'runner-lost',
          `Another call of this proxylet ended its isolate (${code}).`,
        );
    }
    this.calls.clear();
    if (this.live !== undefined && !this.live.isolate.isDisposed) this.live.isolate.dispose();
    this.outside.gone(this, code);
  }

  private enter(kind: EntryKind, callId: number, id: number, a?: unknown, b?: unknown, c?: unknown): void {
    if (this.isDead || this.live === undefined) return;
    const { isolate, enter } = this.live;
    const call = this.calls.get(callId);
    const budgetMs = Math.max(1, this.load.cpuMs - (call?.cpuNs ?? 0) / 1e6);
    const before = isolate.cpuTime;
    this.outside.mark(this.key);
    this.activeCallId = callId;
    let fault: unknown;
    try {
      enter.applySync(undefined, [kind, id, a, b, c] as never[], {
        timeout: Math.ceil(budgetMs * wallFactor + wallGraceMs),
        ...(a instanceof ArrayBuffer || b instanceof ArrayBuffer ? copyArguments : {}),
      });
    } catch (error) {
      fault = error;
    }
    this.activeCallId = 0;
    this.settle(isolate, callId, call, before, fault, kind);
  }

  private settle(
    isolate: Ivm.Isolate,
    callId: number,
    call: OpenCall | undefined,
    before: bigint,
    fault: unknown,
    kind: EntryKind,
  ): void {
    if (isolate.isDisposed) {
      this.die('memory-limit', `It used more than its ${this.load.memoryMb} MB of memory.`, callId);
      return;
    }
    const usedNs = Number(isolate.cpuTime - before);
    if (call !== undefined) call.cpuNs = call.isMeteredByEntry ? 0 : call.cpuNs + usedNs;
    const cpuMs = (call === undefined || call.isMeteredByEntry ? usedNs : call.cpuNs) / 1e6;
    const isTimedOut = fault instanceof Error && fault.message === 'Script execution timed out.';
    if (isTimedOut || cpuMs > this.load.cpuMs) {
      this.die('cpu-limit', `It computed for longer than its ${this.load.cpuMs} ms of CPU time.`, callId);
      return;
    }
    // What is left is a rejection nobody handled: the call itself goes on (isolated-vm #273).
    if (fault === undefined) return;
    // Listeners of the guest hear of it first; what fails in them is not told to them again.
    if (kind !== entry.rejection) this.enter(entry.rejection, callId, callId, textOf(fault));
    else this.outside.log(this, callId, 'error', `Unhandled rejection: ${textOf(fault)}`);
  }
}

const copyArguments = { arguments: { copy: true } } as const;

function textOf(fault: unknown): string {
  return (fault instanceof Error ? `${fault.name}: ${fault.message}` : 'a value that is no error').slice(
    0,
    4096,
  );
}
