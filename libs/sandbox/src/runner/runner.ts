import { type Frame, toEngine, toRunner } from '../wire/frames.js';
import type { LoadMessage } from '../wire/messages.js';
import type { RunnerSettings } from '../wire/runner-settings.js';
import type { HostFunctions, Seat } from './blank.js';
import { BlankPool } from './blank-pool.js';
import { Cell, type CellOutside } from './cell.js';
import { CpuMeter } from './cpu-meter.js';
import { entry } from './entries.js';
import {
  decodeFunction,
  decodeKeepingMarkFunction,
  encodeFunction,
  encodingsFunction,
  randomFunction,
  urlFunction,
} from './host-functions.js';
import { LocalOps } from './local-ops.js';
import type { Output } from './output.js';
import { Watchdog } from './watchdog.js';
import type { Marks } from './marks.js';
import type { Prelude } from './prelude.js';

interface OpenOp {
  readonly cell: Cell;
  readonly opId: number;
  readonly callId: number;
}

const wasmPagesPerMb = 16;

/** Frames in, entries into isolates; calls of host functions out. Knows no guest code. */
export class Runner {
  private readonly cells = new Map<number, Cell>();
  private readonly cellOfCall = new Map<number, Cell>();
  private readonly ops = new Map<number, OpenOp>();
  private readonly wireIdOfOp = new Map<Cell, Map<number, number>>();
  private lastOp = 0;
  private readonly outside: CellOutside;
  private readonly blanks: BlankPool;
  private readonly localOps = new LocalOps();
  private readonly meter = new CpuMeter((key, micros) => this.out.frame(toEngine.usage, micros, key));

  constructor(
    private readonly out: Output,
    prelude: Prelude,
    marks: Marks,
    private readonly settings: RunnerSettings,
  ) {
    const { count, memoryMb } = settings.blanks;
    this.blanks = new BlankPool(
      {
        prelude,
        hostFunctions: (seat, mb) => this.hostFunctions(seat, mb),
        onCatastrophe: ({ key }, message) =>
          this.lost(key, message.includes('memory') ? 'memory-limit' : 'cpu-limit'),
      },
      count,
      memoryMb,
    );
    this.outside = {
      settings,
      marks,
      watchdog: new Watchdog(),
      takeBlank: (mb) => this.blanks.take(mb),
      callFailed: (callId, code, detail) => {
        this.cellOfCall.delete(callId);
        this.out.frame(toEngine.failed, callId, 0, `${code}\n${detail}`);
      },
      cancelOp: (wireId) => this.cancelOp(wireId),
      log: (cell, callId, level, text) => this.log(cell, callId, level, text),
      callOver: (cell, callId) => this.localOps.release(cell, callId),
      gone: (cell, reason) => this.forget(cell, reason),
      used: (cell, ms) => this.meter.add(cell.key, ms),
      earned: ({ key }, trust) => this.out.frame(toEngine.earned, 0, key, trust),
      kept: ({ key }, credit) => this.out.frame(toEngine.earned, credit, key),
      taken: (callId, size) => this.out.frame(toEngine.socketCredit, callId, size),
      worn: ({ key }, reason) => this.out.frame(toEngine.worn, 0, key, reason),
      heavy: ({ key }) => this.out.frame(toEngine.heavy, 0, key),
      lost: (key, code) => this.lost(key, code),
    };
  }

  /** Makes what a first call would else have to wait for. */
  prepare(): Promise<void> {
    return this.blanks.prepare();
  }

  handle(frame: Frame): void {
    const { type, id, arg, text, bytes } = frame;
    switch (type) {
      case toRunner.call:
        this.call(id, arg, text, bytes.length === 0 ? undefined : copy(bytes), false);
        break;
      case toRunner.callStreaming:
        this.call(id, arg, text, undefined, true);
        break;
      case toRunner.body:
        this.cellOfCall.get(id)?.enterFor(id, entry.body, id, copy(bytes));
        break;
      case toRunner.bodyEnd:
        this.cellOfCall.get(id)?.enterFor(id, entry.bodyEnd, id);
        break;
      case toRunner.bodyAbort:
        this.cellOfCall.get(id)?.enterFor(id, entry.bodyAbort, id, text);
        break;
      case toRunner.credit:
        this.cellOfCall.get(id)?.enterFor(id, entry.credit, id, arg);
        break;
      case toRunner.cancel:
        this.cellOfCall.get(id)?.cancel(id, text);
        this.cellOfCall.delete(id);
        break;
      case toRunner.opResult:
        this.completeOp(id, arg !== 1, entry.opResult, text, copy(bytes), arg === 1);
        break;
      case toRunner.opError:
        this.completeOp(id, true, entry.opError, text);
        break;
      case toRunner.opBody:
        this.completeOp(id, false, entry.opBody, copy(bytes));
        break;
      case toRunner.opUploadCredit:
        this.completeOp(id, false, entry.opUploadCredit, arg);
        break;
      case toRunner.socketMessage:
        this.cellOfCall.get(id)?.enterFor(id, entry.socketMessage, id, arg === 1 ? copy(bytes) : text);
        break;
      case toRunner.socketClose:
        this.cellOfCall.get(id)?.limitLateWork(id);
        this.cellOfCall.get(id)?.enterFor(id, entry.socketClose, id, arg, text);
        break;
      case toRunner.socketCredit:
        this.cellOfCall.get(id)?.enterFor(id, entry.socketCredit, id, arg);
        break;
      case toRunner.opEnd:
        this.completeOp(id, true, entry.opEnd);
        break;
      case toRunner.load:
        this.load(arg, JSON.parse(text) as LoadMessage, bytes.toString('utf8'));
        break;
      case toRunner.unload:
        if (id === 1) this.cells.get(arg)?.leaveWhenIdle();
        else this.cells.get(arg)?.die('runner-lost', 'The installation was stopped.');
        break;
      case toRunner.ping:
        this.out.frame(toEngine.pong, id);
        break;
      default:
        throw new RangeError(`unknown frame type ${type}`);
    }
  }

  private load(key: number, message: LoadMessage, source: string): void {
    this.cells.get(key)?.die('runner-lost', 'The installation was replaced.');
    this.cells.set(key, new Cell(key, message, source, this.outside));
  }

  private call(
    id: number,
    key: number,
    head: string,
    body: ArrayBuffer | undefined,
    isStreaming: boolean,
  ): void {
    const cell = this.cells.get(key);
    if (cell === undefined) {
      this.out.frame(toEngine.failed, id, 0, 'runner-lost\nThe isolate was stopped while the call arrived.');
      return;
    }
    if (head === '') {
      void this.warm(id, cell);
      return;
    }
    this.cellOfCall.set(id, cell);
    cell.call(id, head, body, isStreaming);
  }

  /** A call without a head starts the isolate and calls nothing. */
  private async warm(id: number, cell: Cell): Promise<void> {
    try {
      await cell.start();
      this.out.frame(toEngine.loaded, id, cell.key);
    } catch (error) {
      const reason = error instanceof Error ? error.message : 'The isolate could not be made.';
      this.out.frame(toEngine.failed, id, 0, `proxylet-invalid\n${reason}`);
      cell.die('proxylet-invalid', reason);
    }
  }

  /** A guest's thread does not come back. The engine takes every other guest elsewhere and ends this process. */
  private lost(key: number, code: 'cpu-limit' | 'memory-limit'): void {
    // First, so that whoever hears of the call's end finds the guest blamed for it.
    this.out.frame(toEngine.lost, 0, key, code);
    this.cells.get(key)?.die(code, 'It could not be stopped, and its thread was lost.');
  }

  private completeOp(
    wireId: number,
    isLast: boolean,
    kind: (typeof entry)[keyof typeof entry],
    a?: unknown,
    b?: unknown,
    c?: unknown,
  ): void {
    const op = this.ops.get(wireId);
    if (op === undefined) return;
    if (isLast) this.dropOp(wireId, op);
    op.cell.enterFor(op.callId, kind, op.opId, a, b, c);
  }

  private dropOp(wireId: number, op: OpenOp): void {
    this.ops.delete(wireId);
    this.wireIdOfOp.get(op.cell)?.delete(op.opId);
    op.cell.endOp(op.callId, wireId);
  }

  private cancelOp(wireId: number): void {
    const op = this.ops.get(wireId);
    if (op === undefined) return;
    this.dropOp(wireId, op);
    this.out.frame(toEngine.opCancel, wireId);
  }

  private forget(cell: Cell, reason: string): void {
    this.localOps.forget(cell);
    if (this.cells.get(cell.key) === cell) this.cells.delete(cell.key);
    for (const [wireId, op] of this.ops) {
      if (op.cell !== cell) continue;
      this.ops.delete(wireId);
      this.out.frame(toEngine.opCancel, wireId);
    }
    this.wireIdOfOp.delete(cell);
    this.out.frame(toEngine.unloaded, 0, cell.key, reason);
  }

  private log(cell: Cell, callId: number, level: string, text: string): void {
    this.out.frame(toEngine.log, callId, cell.key, `${Date.now()}\t${level}\t${JSON.stringify(text)}`);
  }

  /** What the prelude calls; each takes what guest code may have forged, so that ids are checked here. */
  private hostFunctions(seat: Seat, memoryMb: number): HostFunctions {
    // What a guest does that is gone, or an isolate in which none is so far, is nobody's.
    const by =
      <A extends unknown[]>(act: (cell: Cell, ...args: A) => void) =>
      (...args: A): void => {
        const cell = this.cells.get(seat.key);
        if (cell !== undefined) act(cell, ...args);
      };
    return {
      op: by((cell, opId: number, kind: string, text: string, bytes?: ArrayBuffer, bodyFrom?: number) =>
        this.startOp(cell, opId, kind, text, bytes, bodyFrom),
      ),
      opChunk: by((cell, opId: number, bytes: ArrayBuffer) => {
        const wireId = this.wireIdOfOp.get(cell)?.get(opId);
        if (wireId !== undefined) this.out.frame(toEngine.opChunk, wireId, 0, '', new Uint8Array(bytes));
      }),
      opChunkEnd: by((cell, opId: number) => {
        const wireId = this.wireIdOfOp.get(cell)?.get(opId);
        if (wireId !== undefined) this.out.frame(toEngine.opChunkEnd, wireId);
      }),
      opCancel: by((cell, opId: number) => {
        const wireId = this.wireIdOfOp.get(cell)?.get(opId);
        if (wireId !== undefined) this.cancelOp(wireId);
      }),
      opCredit: by((cell, opId: number, credit: number) => {
        const wireId = this.wireIdOfOp.get(cell)?.get(opId);
        if (wireId !== undefined) this.out.frame(toEngine.opCredit, wireId, toCredit(credit));
      }),
      respond: by(
        (cell, callId: number, head: string, body: string | ArrayBuffer | undefined, kind: number) => {
          if (!cell.answer(callId)) return;
          const bytes = typeof body === 'string' ? Buffer.from(body, 'utf8') : body && new Uint8Array(body);
          if (kind === 3) {
            cell.meterEntries(callId);
            this.out.frame(toEngine.socketOpen, callId, 0, head);
            return;
          }
          const type = kind === 1 ? toEngine.responseStreaming : toEngine.response;
          this.out.frame(type, callId, kind === 0 ? 1 : 0, head, bytes);
          if (kind === 0) cell.limitLateWork(callId);
          if (kind !== 2) return;
          cell.settled(callId);
          this.cellOfCall.delete(callId);
        },
      ),
      respondFrom: by((cell, callId: number, head: string, from: number) => {
        if (!cell.answer(callId)) return;
        this.out.frame(toEngine.responseFrom, callId, this.wireOf(cell, from), head);
        cell.limitLateWork(callId);
      }),
      chunk: by((cell, callId: number, bytes: ArrayBuffer) => {
        if (cell.has(callId)) this.out.frame(toEngine.chunk, callId, 0, '', new Uint8Array(bytes));
      }),
      end: by((cell, callId: number) => {
        if (!cell.has(callId)) return;
        this.out.frame(toEngine.end, callId);
        cell.limitLateWork(callId);
      }),
      abort: by((cell, callId: number, reason: string) => {
        if (cell.has(callId)) this.out.frame(toEngine.abort, callId, 0, reason);
      }),
      fail: by((cell, callId: number, code: string, detail: string) => {
        if (cell.answer(callId)) this.out.frame(toEngine.failed, callId, 0, `${code}\n${detail}`);
      }),
      socketSend: by((cell, callId: number, data: string | ArrayBuffer) => {
        if (!cell.has(callId)) return;
        if (typeof data === 'string') this.out.frame(toEngine.socketMessage, callId, 0, data);
        else this.out.frame(toEngine.socketMessage, callId, 1, '', new Uint8Array(data));
      }),
      socketClose: by((cell, callId: number, code: number, reason: string) => {
        if (cell.has(callId)) this.out.frame(toEngine.socketClose, callId, toCredit(code), reason);
      }),
      settled: by((cell, callId: number) => {
        if (cell.has(callId)) this.out.frame(toEngine.settled, callId);
        cell.settled(callId);
        this.cellOfCall.delete(callId);
      }),
      credit: by((cell, callId: number, credit: number) => {
        if (cell.has(callId)) this.out.frame(toEngine.requestCredit, callId, toCredit(credit));
      }),
      timer: by((cell, timerId: number, callId: number, delayMs: number) =>
        cell.setTimer(timerId, callId, delayMs),
      ),
      clearTimer: by((cell, timerId: number) => cell.clearTimer(timerId)),
      log: by((cell, callId: number, level: string, text: string) => this.log(cell, callId, level, text)),
      breach: by((cell, callId: number, limit: string) => {
        if (cell.breach(callId, limit)) this.out.frame(toEngine.breach, callId, cell.key, limit);
      }),
      url: urlFunction,
      random: randomFunction,
      decodeUtf8: decodeFunction,
      decodeUtf8KeepingMark: decodeKeepingMarkFunction,
      encodeUtf8: encodeFunction,
      encodings: encodingsFunction,
      nowMs: Date.now,
      ...(this.settings.hasWasm ? { wasmPages: () => memoryMb * wasmPagesPerMb } : {}),
    };
  }

  /** The engine's name for a body it holds: 0 the request of the call, else an operation's, which may be none. */
  private wireOf(cell: Cell, from: number): number {
    return from === 0 ? 0 : (this.wireIdOfOp.get(cell)?.get(from) ?? noOp);
  }

  private startOp(
    cell: Cell,
    opId: number,
    kind: string,
    text: string,
    bytes: ArrayBuffer | undefined,
    bodyFrom: number | undefined,
  ): void {
    if (this.localOps.isLocal(kind)) {
      this.localOps.start(cell, opId, kind, text, bytes);
      return;
    }
    this.lastOp = (this.lastOp % 0xffff_fffe) + 1;
    const wireId = this.lastOp;
    // What a call that is over asks for is not asked of anybody: its promise would reach no one.
    if (!cell.ownOp(cell.activeCallId, wireId)) return;
    this.ops.set(wireId, { cell, opId, callId: cell.activeCallId });
    const known = this.wireIdOfOp.get(cell) ?? new Map<number, number>();
    known.set(opId, wireId);
    this.wireIdOfOp.set(cell, known);
    const payload = bytes === undefined ? undefined : new Uint8Array(bytes);
    const from =
      bodyFrom === undefined ? '' : bodyFrom < 0 ? 'stream' : this.wireOf(cell, bodyFrom) || 'request';
    this.out.frame(toEngine.op, wireId, cell.key, `${kind} ${cell.activeCallId} ${from}\n${text}`, payload);
  }
}

/** An operation's id that is never given. */
const noOp = 0xffff_ffff;

/** Isolates take whole ArrayBuffers: the bytes of a small frame lie inside a larger one. */
function copy(bytes: Buffer): ArrayBuffer {
  if (bytes.byteLength === bytes.buffer.byteLength) return bytes.buffer as ArrayBuffer;
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
}

function toCredit(value: number): number {
  return value > 0 ? Math.min(Math.trunc(value), 0xffff_ffff) : 0;
}
