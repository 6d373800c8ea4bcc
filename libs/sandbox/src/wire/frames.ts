import type { Writable } from 'node:stream';

/**
 * Frames between the engine and a runner, both ways over one Unix socket pair. Every frame has one layout,
 * little-endian:
 *
 *     u32 length of what follows | u8 type | u32 id | u32 arg | u32 length of text | text (UTF-8) | bytes
 *
 * `id` names a call or an operation, `arg` a guest key, a byte credit or a flag. The engine treats everything a
 * runner sends as hostile: lengths are capped and unknown types end the runner.
 */

/** Frames the engine sends. */
export const toRunner = {
  /** `arg` guest key, text = JSON of `LoadMessage`, bytes = module source. */
  load: 1,
  /** `arg` guest key: drop the isolate; `id` 1: when its calls and their late work are over. */
  unload: 2,
  /** `arg` guest key, text = call head, bytes = whole body. */
  call: 3,
  /** As `call`, the body follows in `body` frames as far as the guest grants credit. */
  callStreaming: 4,
  body: 5,
  bodyEnd: 6,
  /** The client's body broke off. */
  bodyAbort: 7,
  /** `arg` more bytes of the response may be sent. */
  credit: 8,
  /** The caller is gone or out of time: text = reason. */
  cancel: 9,
  /** Answer of an operation: `arg` 1 when a stream of `opBody` follows; text = head, bytes = payload. */
  opResult: 10,
  /** Text = `name\nmessage` of the error the guest shall see. */
  opError: 11,
  opBody: 12,
  opEnd: 13,
  ping: 14,
  /** `arg` more bytes of the body an operation sends may follow; 0: nobody takes more of it. */
  opUploadCredit: 15,
  /** Of the client of a WebSocket: `arg` 0 text, 1 bytes. */
  socketMessage: 16,
  /** `arg` code, text = reason. */
  socketClose: 17,
  /** `arg` bytes have reached the client's connection. */
  socketCredit: 18,
} as const;

/** Frames a runner sends. */
export const toEngine = {
  ready: 65,
  pong: 66,
  /** `arg` guest key: the module is evaluated and has a handler. */
  loaded: 67,
  /** `arg` guest key, text = reason: the isolate is gone, a later call needs `load` again. */
  unloaded: 68,
  /** Text = response head, bytes = whole body; `arg` 1 when work goes on under `waitUntil`. */
  response: 69,
  /** As `response`, the body follows in `chunk` frames. */
  responseStreaming: 70,
  chunk: 71,
  end: 72,
  /** The response body failed after its head was sent: text = reason. */
  abort: 73,
  /** Text = `code\ndetail` with a problem code. */
  failed: 74,
  /** `arg` more bytes of the request body may be sent. */
  requestCredit: 75,
  /** `arg` guest key, text = operation, bytes = payload. */
  op: 76,
  opCancel: 77,
  /** `arg` more bytes of an operation's stream may be sent. */
  opCredit: 78,
  /** `arg` guest key, text = lines of `ms\tlevel\ttrace\tJSON text`. */
  log: 79,
  /** Work that went on after the answer is done. */
  settled: 80,
  /** As `response`; the body is what the engine holds: `arg` names the operation, 0 the call's own request. */
  responseFrom: 81,
  /** A part of the body that an operation sends. */
  opChunk: 82,
  opChunkEnd: 83,
  /** `arg` guest key, text = name of the limit that was broken. */
  breach: 90,
  /** `arg` guest key, `id` microseconds of CPU time it used since the last of these. */
  usage: 91,
  /** The answer is a WebSocket: text = response head. */
  socketOpen: 84,
  /** `arg` 0 text, 1 bytes. */
  socketMessage: 85,
  socketClose: 86,
  /** `arg` bytes have reached the guest. */
  socketCredit: 87,
  /** `arg` guest key, text = reason: its isolate should be replaced by a fresh one. */
  worn: 94,
  /** `arg` guest key: it takes more of the CPU than its neighbours should bear. */
  heavy: 95,
  /** `arg` guest key, text = problem code: one of its threads cannot be stopped; the process must be replaced. */
  lost: 92,
  /** `arg` guest key, text = `Trust` it is given from now on; without a text `id` is its credit. */
  earned: 93,
} as const;

export interface Frame {
  readonly type: number;
  readonly id: number;
  readonly arg: number;
  readonly text: string;
  readonly bytes: Buffer;
}

const headBytes = 17;

/** Larger than any inline body, module or header block that may cross. */
export const maxFrameBytes = 80 * 1024 * 1024;

/** From this size on, bytes go out as they are: another buffer and a copy of them cost more than a part of a write. */
const ownPartBytes = 4096;

/**
 * Collects frames and hands them to the socket in one write; `flush` is called once per turn of the loop. Large bytes
 * are not copied: whoever gives them must not change them any more.
 */
export class FrameWriter {
  private buffer: Buffer;
  private used = 0;
  /** Where what was not handed on yet begins in `buffer`. */
  private from = 0;
  private parts: Uint8Array[] = [];

  constructor(private readonly write: (parts: readonly Uint8Array[]) => void) {
    this.buffer = Buffer.allocUnsafeSlow(bufferBytes);
  }

  get isEmpty(): boolean {
    return this.used === this.from && this.parts.length === 0;
  }

  frame(type: number, id: number, arg = 0, text = '', bytes?: Uint8Array): void {
    const bodyLength = bytes?.length ?? 0;
    const isOwnPart = bodyLength >= ownPartBytes;
    // UTF-8 takes at most three bytes for each UTF-16 unit.
    this.reserve(headBytes + text.length * 3 + (isOwnPart ? 0 : bodyLength));
    const { buffer } = this;
    const start = this.used;
    const textLength = text.length === 0 ? 0 : buffer.write(text, start + headBytes, 'utf8');
    buffer.writeUInt32LE(headBytes - 4 + textLength + bodyLength, start);
    buffer.writeUInt8(type, start + 4);
    buffer.writeUInt32LE(id, start + 5);
    buffer.writeUInt32LE(arg, start + 9);
    buffer.writeUInt32LE(textLength, start + 13);
    this.used = start + headBytes + textLength;
    if (bytes === undefined) return;
    if (isOwnPart) {
      this.cutPart();
      this.parts.push(bytes);
    } else {
      buffer.set(bytes, this.used);
      this.used += bodyLength;
    }
  }

  flush(): void {
    this.cutPart();
    if (this.parts.length === 0) return;
    const { parts } = this;
    this.parts = [];
    // The socket keeps what it was given until that is written; the next frames go behind it in the same buffer.
    this.write(parts);
  }

  private cutPart(): void {
    if (this.used === this.from) return;
    this.parts.push(this.buffer.subarray(this.from, this.used));
    this.from = this.used;
  }

  private reserve(bytes: number): void {
    if (this.used + bytes <= this.buffer.length) return;
    const pending = this.used - this.from;
    const larger = Buffer.allocUnsafeSlow(Math.max(bufferBytes, (pending + bytes) * 2));
    this.buffer.copy(larger, 0, this.from, this.used);
    this.buffer = larger;
    this.used = pending;
    this.from = 0;
  }
}

/** Shared by many flushes: to make and to collect a buffer for each costs more than all that is written into it. */
const bufferBytes = 64 * 1024;

/** Hands the parts of a flush to a socket in one gathered write. */
export function writeParts(socket: Writable, parts: readonly Uint8Array[]): void {
  if (parts.length === 1) {
    socket.write(parts[0]);
    return;
  }
  socket.cork();
  for (const part of parts) socket.write(part);
  socket.uncork();
}

/** A frame whose bytes are still coming in. */
interface Filling {
  readonly frame: Frame;
  filled: number;
}

/** Cuts a byte stream into frames. `onFrame` may keep `bytes`: they are not reused. */
export class FrameReader {
  private pending: Buffer[] = [];
  private pendingBytes = 0;
  private wanted = 4;
  private filling: Filling | undefined;

  constructor(
    private readonly onFrame: (frame: Frame) => void,
    private readonly maxBytes = maxFrameBytes,
  ) {}

  /** @throws RangeError when the peer breaks the format; the connection is then of no more use */
  push(chunk: Buffer): void {
    let data = this.fill(chunk);
    if (data.length === 0) return;
    if (this.pendingBytes > 0) {
      this.pending.push(data);
      this.pendingBytes += data.length;
      if (this.pendingBytes < this.wanted) return;
      data = Buffer.concat(this.pending, this.pendingBytes);
      this.pending = [];
      this.pendingBytes = 0;
    }
    this.keep(data, this.cut(data));
  }

  /** Gives a frame under way what it lacks. @returns the rest */
  private fill(chunk: Buffer): Buffer {
    const { filling } = this;
    if (filling === undefined) return chunk;
    const { bytes } = filling.frame;
    const copied = chunk.copy(bytes, filling.filled);
    filling.filled += copied;
    if (filling.filled === bytes.length) {
      this.filling = undefined;
      this.onFrame(filling.frame);
    }
    return chunk.subarray(copied);
  }

  private cut(data: Buffer): number {
    let at = 0;
    this.wanted = 4;
    while (data.length - at >= 4) {
      const length = data.readUInt32LE(at);
      if (length < headBytes - 4 || length > this.maxBytes) throw new RangeError('frame length out of range');
      if (data.length - at - 4 < length) {
        if (this.startFilling(data, at, length)) return data.length;
        this.wanted = length + 4;
        break;
      }
      this.onFrame(frameAt(data, at, at + 4 + length));
      at += length + 4;
    }
    return at;
  }

  /** Large bytes get a buffer of their own at once, and are copied once. */
  private startFilling(data: Buffer, at: number, length: number): boolean {
    if (data.length - at < headBytes) return false;
    const textLength = data.readUInt32LE(at + 13);
    const bytesLength = length + 4 - headBytes - textLength;
    const bytesStart = at + headBytes + textLength;
    if (bytesLength < ownPartBytes || bytesStart > data.length) return false;
    const bytes = Buffer.allocUnsafeSlow(bytesLength);
    const filled = data.copy(bytes, 0, bytesStart);
    this.filling = { frame: { ...frameAt(data, at, bytesStart), bytes }, filled };
    return true;
  }

  private keep(data: Buffer, from: number): void {
    if (from === data.length) return;
    const rest = from === 0 ? data : data.subarray(from);
    this.pending.push(rest);
    this.pendingBytes = rest.length;
  }
}

/** @throws RangeError where the text is longer than the frame */
function frameAt(data: Buffer, at: number, end: number): Frame {
  const textLength = data.readUInt32LE(at + 13);
  const textStart = at + headBytes;
  if (textStart + textLength > end) throw new RangeError('frame text exceeds its frame');
  return {
    type: data.readUInt8(at + 4),
    id: data.readUInt32LE(at + 5),
    arg: data.readUInt32LE(at + 9),
    text: textLength === 0 ? '' : data.toString('utf8', textStart, textStart + textLength),
    bytes: data.subarray(textStart + textLength, end),
  };
}
