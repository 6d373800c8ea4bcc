import type { LoadMessage, Trust } from '../wire/messages.js';
import type { Blank } from './blank.js';
import { entry, type EntryKind } from './entries.js';
import { Gate, type GateOutside, type Settled } from './gate.js';
import { openModule, openModuleHere, StartFailure } from './guest-module.js';

/** What a cell asks of the runner around it. */
export interface CellOutside extends Omit<GateOutside, 'settled' | 'isWanted' | 'isWorn' | 'earned'> {
  readonly takeBlank: (memoryMb: number) => Promise<Blank>;
  readonly callFailed: (callId: number, code: string, detail: string) => void;
  readonly cancelOp: (wireId: number) => void;
  readonly log: (cell: Cell, callId: number, level: string, text: string) => void;
  /** A call ended, however it did. */
  readonly callOver: (cell: Cell, callId: number) => void;
  readonly gone: (cell: Cell, reason: string) => void;
  /** It used so much CPU time, ms. */
  readonly used: (cell: Cell, ms: number) => void;
  readonly earned: (cell: Cell, trust: Trust) => void;
  /** It leaves in peace: what it has earned so far. */
  readonly kept: (cell: Cell, credit: number) => void;
  /** Characters or bytes of a socket's message have reached the guest. */
  readonly taken: (callId: number, size: number) => void;
  /** Its isolate had better be replaced when its work is over. */
  readonly worn: (cell: Cell, reason: string) => void;
  /** It takes more of the CPU than its neighbours should bear. */
  readonly heavy: (cell: Cell) => void;
}

interface OpenCall {
  cpuMs: number;
  isAnswered: boolean;
  /** Limits whose breach was told to the engine; made on first use. */
  breaches: Set<string> | undefined;
  /** Whether the CPU limit is for each entry: of a call that lasts as long as its connection does. */
  isMeteredByEntry: boolean;
  /** Its first entry was made. */
  isEntered: boolean;
  isCancelled: boolean;
  /** Timers and operations that end with the call; made on first use. */
  timers: Set<number> | undefined;
  ops: Set<number> | undefined;
  /** Ends what `waitUntil` keeps open for too long. */
  lateTimer: NodeJS.Timeout | undefined;
}

/** More than there are limits: for a prelude that guest code has tampered with. */
const maxBreaches = 20;
/** Time for the module's top level, ms. */
const startMs = 1000;

/**
 * One installation's isolate and its open calls. Every entry runs under limits that cover its microtasks, so that
 * code after an `await` counts as well. An isolate that broke a limit is not used again.
 */
export class Cell {
  private blank: Blank | undefined;
  private opening: Promise<void> | undefined;
  private isDead = false;
  private isLeaving = false;
  private readonly gate: Gate;
  private readonly calls = new Map<number, OpenCall>();
  private readonly timers = new Map<number, NodeJS.Timeout>();

  constructor(
    readonly key: number,
    readonly load: LoadMessage,
    private source: string,
    private readonly outside: CellOutside,
  ) {
    this.gate = new Gate(key, load, {
      ...outside,
      settled: (event) => this.entryOver(event),
      isWanted: ({ callId, kind }) => kind === entry.rejection || this.isWanted(callId, kind),
      isWorn: (reason) => outside.worn(this, reason),
      earned: (trust) => outside.earned(this, trust),
    });
  }

  get openCalls(): number {
    return this.calls.size;
  }

  /** The call of the entry under way, 0 for none. */
  get activeCallId(): number {
    return this.gate.activeCallId;
  }

  /** @throws StartFailure */
  start(): Promise<void> {
    this.opening ??= this.open();
    return this.opening;
  }

  call(id: number, head: string, body: ArrayBuffer | undefined, isStreaming: boolean): void {
    this.calls.set(id, {
      cpuMs: 0,
      isAnswered: false,
      breaches: undefined,
      isMeteredByEntry: false,
      isEntered: false,
      isCancelled: false,
      timers: undefined,
      ops: undefined,
      lateTimer: undefined,
    });
    if (this.blank === undefined) {
      this.start().catch((error: unknown) => this.die('proxylet-invalid', reasonOf(error)));
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
    call.isCancelled = true;
    if (call.isEntered) this.enter(entry.cancel, callId, callId, reason);
    else this.settled(callId);
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
    this.gate.callEnded();
    if (this.isLeaving && this.calls.size === 0) this.leave();
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

  /** Ends the isolate when its last call is over, work under `waitUntil` included. */
  leaveWhenIdle(): void {
    this.isLeaving = true;
    if (this.calls.size === 0) this.leave();
  }

  /** Ends the isolate; open calls fail with the reason, the culprit's with its own code. */
  die(code: string, detail: string, culprit = 0): void {
    if (this.isDead) return;
    this.isDead = true;
    this.gate.close();
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
    if (this.blank !== undefined) discard(this.blank);
    this.outside.gone(this, code);
  }

  private leave(): void {
    // Not within the entry that ended the last call.
    setImmediate(() => {
      if (this.calls.size > 0 || this.isDead) return;
      this.outside.kept(this, this.gate.credit);
      this.die('runner-lost', 'The installation was stopped.');
    });
  }

  private async open(): Promise<void> {
    const { filename, memoryMb } = this.load;
    const blank = await this.outside.takeBlank(memoryMb);
    if (this.isDead) {
      discard(blank);
      return;
    }
    blank.seat.key = this.key;
    this.blank = blank;
    const environmentJson = environmentOf(this.load);
    const { source } = this;
    this.source = '';
    const module = { source, filename, startMs, environmentJson };
    if (this.load.trust === 'none') await this.gate.open(blank, startMs, () => openModule(blank, module));
    else this.gate.openHere(blank, () => openModuleHere(blank, module));
  }

  private isWanted(callId: number, kind: EntryKind): boolean {
    const call = this.calls.get(callId);
    if (call === undefined || (call.isCancelled && kind !== entry.cancel)) return false;
    if (kind === entry.call) call.isEntered = true;
    return true;
  }

  private enter(kind: EntryKind, callId: number, id: number, a?: unknown, b?: unknown, c?: unknown): void {
    const call = this.calls.get(callId);
    this.gate.enter({ kind, callId, id, a, b, c }, this.load.cpuMs - (call?.cpuMs ?? 0));
  }

  /** CPU time that threads of the pool used for a call, ms: it counts as the call's own. */
  charge(callId: number, ms: number): void {
    this.outside.used(this, ms);
    const call = this.calls.get(callId);
    if (call === undefined) return;
    call.cpuMs += ms;
    if (call.cpuMs > this.load.cpuMs) this.die('cpu-limit', this.tooMuchCpu(), callId);
  }

  private tooMuchCpu(): string {
    return `It computed for longer than its ${this.load.cpuMs} ms of CPU time.`;
  }

  private entryOver({ entry: { kind, callId, a }, usedMs, fault, isHeavy, end }: Settled): void {
    this.outside.used(this, usedMs);
    if (end === 'memory-limit') {
      this.die(end, `It used more than its ${this.load.memoryMb} MB of memory.`, callId);
      return;
    }
    const call = this.calls.get(callId);
    const cpuMs = usedMs + (call?.cpuMs ?? 0);
    if (call !== undefined) call.cpuMs = call.isMeteredByEntry ? 0 : cpuMs;
    if (end === 'cpu-limit' || cpuMs > this.load.cpuMs) {
      this.die('cpu-limit', this.tooMuchCpu(), callId);
      return;
    }
    if (isHeavy) this.outside.heavy(this);
    if (kind === entry.cancel) this.settled(callId);
    if (kind === entry.socketMessage) this.outside.taken(callId, sizeOf(a));
    // What is left is a rejection nobody handled: the call itself goes on (isolated-vm #273).
    if (fault === undefined) return;
    // Listeners of the guest hear of it first; what fails in them is not told to them again.
    if (kind !== entry.rejection) this.enter(entry.rejection, callId, callId, textOf(fault));
    else this.outside.log(this, callId, 'error', `Unhandled rejection: ${textOf(fault)}`);
  }
}

function sizeOf(message: unknown): number {
  return message instanceof ArrayBuffer ? message.byteLength : String(message).length;
}

function discard({ isolate }: Blank): void {
  if (!isolate.isDisposed) isolate.dispose();
}

function reasonOf(error: unknown): string {
  return error instanceof StartFailure ? error.message : 'The isolate could not be made.';
}

function textOf(fault: unknown): string {
  return (fault instanceof Error ? `${fault.name}: ${fault.message}` : 'a value that is no error').slice(
    0,
    4096,
  );
}

/** What the prelude makes `env` of (`guest/boot.ts`). */
function environmentOf({
  config,
  secrets,
  kv,
  topics,
  cache,
  dependencies,
  installation,
}: LoadMessage): string {
  const bindings = { hasKv: kv, hasTopics: topics === true, hasCache: cache === true, dependencies };
  return JSON.stringify({ config, secrets, ...bindings, installation });
}
