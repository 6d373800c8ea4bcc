import type { Cell } from './cell.js';
import { CryptoOps, type LocalResult } from './crypto-ops.js';
import { entry } from './entries.js';
import { PoolCpu } from './pool-cpu.js';
import { ZlibOps } from './zlib-ops.js';

interface CellOps {
  readonly crypto: CryptoOps;
  readonly zlib: ZlibOps;
  /** Operations of one isolate run one after the other: its neighbours get the other threads of the pool. */
  tail: Promise<void>;
  /** Operations that wait or run, and the bytes they hold. */
  waiting: number;
  waitingBytes: number;
}

const maxMessageChars = 500;
/** Above the prelude's own bounds, for a guest that has tampered with what the prelude counts by. */
const maxWaiting = 2048;
const maxWaitingBytes = 160 * 1024 * 1024;

/** Operations that the runner does itself, without the engine: they need no right but a thread of its pool. */
export class LocalOps {
  private readonly ofCell = new Map<Cell, CellOps>();
  private readonly cpu = new PoolCpu();

  isLocal(kind: string): boolean {
    return kind === 'crypto' || kind === 'zlib';
  }

  start(cell: Cell, opId: number, kind: string, text: string, bytes: ArrayBuffer | undefined): void {
    const callId = cell.activeCallId;
    const ops = this.opsOf(cell);
    const size = text.length + (bytes?.byteLength ?? 0);
    // Never answered: whoever comes here has passed the prelude by.
    if (ops.waiting >= maxWaiting || ops.waitingBytes + size > maxWaitingBytes) return;
    ops.waiting += 1;
    ops.waitingBytes += size;
    ops.tail = ops.tail
      .then(() => this.run(ops, cell, callId, opId, kind, text, bytes))
      .finally(() => {
        ops.waiting -= 1;
        ops.waitingBytes -= size;
      });
  }

  /** The call is over: what it left open is closed. */
  release(cell: Cell, callId: number): void {
    this.ofCell.get(cell)?.zlib.release(callId);
  }

  forget(cell: Cell): void {
    this.ofCell.get(cell)?.zlib.dispose();
    this.ofCell.delete(cell);
  }

  private opsOf(cell: Cell): CellOps {
    const known = this.ofCell.get(cell);
    if (known !== undefined) return known;
    const made = {
      crypto: new CryptoOps(),
      zlib: new ZlibOps(),
      tail: Promise.resolve(),
      waiting: 0,
      waitingBytes: 0,
    };
    this.ofCell.set(cell, made);
    return made;
  }

  /** Never rejects. What a call asked for that is over by now is not begun. */
  private async run(
    { crypto, zlib }: CellOps,
    cell: Cell,
    callId: number,
    opId: number,
    kind: string,
    text: string,
    bytes: ArrayBuffer | undefined,
  ): Promise<void> {
    if (!cell.has(callId)) return;
    const mark = this.cpu.begin();
    let result: LocalResult;
    try {
      result =
        kind === 'crypto'
          ? await crypto.run(text, bytes ?? new ArrayBuffer(0))
          : await zlib.run(callId, text, bytes);
    } catch (error) {
      cell.charge(callId, this.cpu.end(mark));
      cell.enterFor(callId, entry.opError, opId, wordsOf(error));
      return;
    }
    cell.charge(callId, this.cpu.end(mark));
    if (!cell.has(callId)) this.release(cell, callId);
    cell.enterFor(callId, entry.opResult, opId, result.text, result.bytes, false);
  }
}

function wordsOf(error: unknown): string {
  const { name, message } = error instanceof Error ? error : { name: 'OperationError', message: '' };
  return `${name}\n${message.slice(0, maxMessageChars)}`;
}
