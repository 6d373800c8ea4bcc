import { type Activity, enterAs, owningCall } from './current.js';
import { DOMException } from './dom-exception.js';
import { type BodyFrom, guestCaps, host } from './host.js';
import { exceeded, mark } from './limits.js';

export interface OpResult {
  readonly text: string;
  readonly bytes: Uint8Array;
  /** True when the bytes follow through the operation's sink. */
  readonly isStreaming: boolean;
}

interface PendingOp {
  /** Bytes it took along, of an operation that the runner does itself. */
  readonly localBytes: number | undefined;
  readonly call: Activity;
  readonly resolve: (result: OpResult) => void;
  readonly reject: (error: unknown) => void;
}

export interface OpSink {
  push(bytes: Uint8Array): void;
  end(): void;
  fail(error: unknown): void;
}

/** The sending side of an operation whose body is a stream. */
export interface OpSource {
  granted(bytes: number): void;
  /** Nobody takes any more of it. */
  stop(): void;
}

export interface StartedOp {
  readonly id: number;
  readonly result: Promise<OpResult>;
}

const pending = new Map<number, PendingOp>();
const sinks = new Map<number, { readonly call: Activity; readonly sink: OpSink }>();
const sources = new Map<number, { readonly call: Activity; readonly source: OpSource }>();
let lastId = 0;

/** What the runner does without the engine, counted apart: many small ones at once are usual. */
const localKinds = new Set(['crypto', 'zlib']);
let localOps = 0;
let localPending = 0;

function refuseAbove(count: number, most: number): void {
  if (count < most) return;
  throw exceeded('operations', new DOMException(`at most ${most} operations at once`, 'QuotaExceededError'));
}

/** One operation may be of any size, further ones only as far as their bytes together stay within bounds. */
function refuseLocal(bytes: number): void {
  refuseAbove(localOps, guestCaps.localOperations);
  if (localOps > 0 && localPending + bytes > guestCaps.localBytes) {
    throw exceeded(
      'operations',
      new DOMException('too many bytes in operations at once', 'QuotaExceededError'),
    );
  }
}

function removePending(id: number): PendingOp | undefined {
  const op = pending.get(id);
  if (op === undefined) return undefined;
  pending.delete(id);
  if (op.localBytes !== undefined) {
    localOps -= 1;
    localPending -= op.localBytes;
  }
  return op;
}

/** Asks the engine for something; the promise settles in an entry of its own, under its own time limit. */
export function startOp(kind: string, text: string, bytes?: Uint8Array, bodyFrom?: BodyFrom): StartedOp {
  const localBytes = localKinds.has(kind) ? (bytes?.byteLength ?? 0) : undefined;
  if (localBytes === undefined) refuseAbove(pending.size - localOps, guestCaps.operations);
  else refuseLocal(localBytes);
  const call = owningCall('an operation');
  lastId += 1;
  const id = lastId;
  call.ops ??= new Set();
  call.ops.add(id);
  const result = new Promise<OpResult>((resolve, reject) => {
    pending.set(id, { call, resolve, reject, localBytes });
    if (localBytes === undefined) return;
    localOps += 1;
    localPending += localBytes;
  });
  host().op(id, kind, text, bytes === undefined ? undefined : exactBuffer(bytes), bodyFrom);
  return { id, result };
}

export function cancelOp(id: number, reason: unknown): void {
  const op = removePending(id);
  const open = sinks.get(id);
  sinks.delete(id);
  endSource(id);
  if (op === undefined && open === undefined) return;
  host().opCancel(id);
  op?.reject(reason);
  open?.sink.fail(reason);
}

/** The call is over: nobody hears of its operations any more. The host lets go of its own by itself. */
export function releaseOps(call: Activity): void {
  for (const id of call.ops ?? []) {
    removePending(id);
    sinks.delete(id);
    endSource(id);
  }
  call.ops = undefined;
}

export function attachSink(id: number, sink: OpSink): void {
  sinks.set(id, { call: owningCall('a stream'), sink });
}

/** In place of the sink it had: its body goes elsewhere, and only its end is of interest. */
export function replaceSink(id: number, sink: OpSink): void {
  const open = sinks.get(id);
  if (open !== undefined) sinks.set(id, { call: open.call, sink });
}

export function attachSource(id: number, source: OpSource): void {
  sources.set(id, { call: owningCall('an upload'), source });
}

function endSource(id: number): void {
  const open = sources.get(id);
  sources.delete(id);
  open?.source.stop();
}

/** Entries from outside. An id that is not pending belongs to a cancelled operation and is passed over. */
export const opEntries = {
  result(id: number, text: string, bytes: ArrayBuffer | undefined, isStreaming: boolean): void {
    const op = take(id, isStreaming);
    op?.resolve({ text, bytes: new Uint8Array(bytes ?? new ArrayBuffer(0)), isStreaming });
  },
  error(id: number, text: string): void {
    const at = text.indexOf('\n');
    const error = toError(text.slice(0, at), text.slice(at + 1));
    const open = sinks.get(id);
    if (open !== undefined) {
      drop(id, open.call);
      enterAs(open.call);
      open.sink.fail(error);
      return;
    }
    take(id, false)?.reject(error);
  },
  body(id: number, bytes: ArrayBuffer): void {
    const open = sinks.get(id);
    if (open === undefined) return;
    enterAs(open.call);
    open.sink.push(new Uint8Array(bytes));
  },
  uploadCredit(id: number, bytes: number): void {
    const open = sources.get(id);
    if (open === undefined) return;
    enterAs(open.call);
    if (bytes === 0) endSource(id);
    else open.source.granted(bytes);
  },
  end(id: number): void {
    const open = sinks.get(id);
    if (open === undefined) return;
    drop(id, open.call);
    enterAs(open.call);
    open.sink.end();
  },
};

function drop(id: number, call: Activity): void {
  sinks.delete(id);
  call.ops?.delete(id);
}

function take(id: number, isStreaming: boolean): PendingOp | undefined {
  const op = removePending(id);
  if (op === undefined) return undefined;
  if (!isStreaming) op.call.ops?.delete(id);
  enterAs(op.call);
  return op;
}

/** `kind` is the name of an error and, behind a blank, the limit that was broken. */
function toError(kind: string, message: string): Error {
  const [name = '', limit = ''] = kind.split(' ');
  const error = name === 'TypeError' ? new TypeError(message) : new DOMException(message, name);
  mark(error, limit);
  return error;
}

/** The bytes of a view alone, never the rest of the buffer it looks into. */
export function exactBuffer(view: Uint8Array): ArrayBuffer {
  const { buffer, byteOffset, byteLength } = view;
  if (buffer instanceof ArrayBuffer && byteOffset === 0 && byteLength === buffer.byteLength) return buffer;
  const copy = new Uint8Array(byteLength);
  copy.set(view);
  return copy.buffer;
}
