import {
  createDeflate,
  createDeflateRaw,
  createGunzip,
  createGzip,
  createInflate,
  createInflateRaw,
  type Gunzip,
  type Gzip,
} from 'node:zlib';
import type { LocalResult } from './crypto-ops.js';

/** Output of one step at most, bytes; so much again may wait inside. */
const stepBytes = 64 * 1024;
/** Streams of one isolate at the same time: each holds some 300 KB outside of its heap. */
export const maxZlibStreams = 32;

const options = { chunkSize: stepBytes, highWaterMark: stepBytes, rejectGarbageAfterEnd: true };
const makers = {
  'compress gzip': () => createGzip(options),
  'compress deflate': () => createDeflate(options),
  'compress deflate-raw': () => createDeflateRaw(options),
  'decompress gzip': () => createGunzip(options),
  'decompress deflate': () => createInflate(options),
  'decompress deflate-raw': () => createInflateRaw(options),
} as const;

type Coder = Gzip | Gunzip;

interface OpenStream {
  readonly callId: number;
  readonly coder: Coder;
  /** The chunk given last is wholly taken in. */
  isConsumed: boolean;
  isEnded: boolean;
  fault: Error | undefined;
  wake: (() => void) | undefined;
}

/**
 * Compression of one isolate, in steps: a chunk goes in, at most some 128 KB come out, and the rest waits until the
 * guest asks for more. What is small and becomes huge costs as much as the guest reads of it.
 */
export class ZlibOps {
  private readonly streams = new Map<number, OpenStream>();

  /** Text: `<stream> <step> <mode> <format>`, the step one of `write`, `read`, `end`, `drop`. */
  async run(callId: number, text: string, bytes: ArrayBuffer | undefined): Promise<LocalResult> {
    const [id = '', step = '', mode = '', format = ''] = text.split(' ');
    const key = Number(id);
    if (step === 'drop') {
      this.drop(key);
      return { text: 'done', bytes: undefined };
    }
    const stream = this.streams.get(key) ?? this.open(key, callId, `${mode} ${format}`);
    if (step === 'write' && bytes !== undefined) write(stream, bytes);
    if (step === 'end') stream.coder.end();
    const out = await next(stream);
    const { coder } = stream;
    if (stream.fault !== undefined) {
      this.drop(key);
      throw new TypeError('the compressed data is not valid');
    }
    const isDone = stream.isEnded && coder.readableLength === 0;
    if (isDone) this.drop(key);
    const hasMore = !stream.isConsumed || coder.readableLength > 0 || (coder.writableEnded && !isDone);
    return { text: isDone ? 'done' : hasMore ? 'more' : 'empty', bytes: out };
  }

  /** A call is over: its streams go with it. */
  release(callId: number): void {
    for (const [key, stream] of this.streams) if (stream.callId === callId) this.drop(key);
  }

  dispose(): void {
    for (const key of this.streams.keys()) this.drop(key);
  }

  private open(key: number, callId: number, kind: string): OpenStream {
    if (this.streams.size >= maxZlibStreams) {
      throw new DOMException(
        `at most ${maxZlibStreams} streams of compression at once`,
        'QuotaExceededError',
      );
    }
    if (!Object.hasOwn(makers, kind)) throw new TypeError('the format is gzip, deflate or deflate-raw');
    const coder = makers[kind as keyof typeof makers]();
    const stream: OpenStream = {
      callId,
      coder,
      isConsumed: true,
      isEnded: false,
      fault: undefined,
      wake: undefined,
    };
    const wake = (): void => {
      stream.wake?.();
      stream.wake = undefined;
    };
    coder.on('readable', wake);
    coder.on('end', () => {
      stream.isEnded = true;
      wake();
    });
    coder.on('error', (error) => {
      stream.fault = error;
      wake();
    });
    this.streams.set(key, stream);
    return stream;
  }

  private drop(key: number): void {
    const stream = this.streams.get(key);
    this.streams.delete(key);
    if (stream === undefined) return;
    stream.wake?.();
    stream.wake = undefined;
    stream.coder.destroy();
  }
}

function write(stream: OpenStream, bytes: ArrayBuffer): void {
  stream.isConsumed = false;
  stream.coder.write(new Uint8Array(bytes), () => {
    stream.isConsumed = true;
    stream.wake?.();
    stream.wake = undefined;
  });
}

/** What is there to read, once the chunk is taken in or something came out of it. */
async function next(stream: OpenStream): Promise<ArrayBuffer | undefined> {
  const { coder } = stream;
  for (;;) {
    if (stream.fault !== undefined) return undefined;
    const waiting = coder.readableLength;
    const out = coder.read(Math.min(waiting, 2 * stepBytes) || undefined) as Buffer | null;
    if (out !== null && out.length > 0) {
      return out.buffer.slice(out.byteOffset, out.byteOffset + out.byteLength) as ArrayBuffer;
    }
    if (stream.isEnded || coder.destroyed || (stream.isConsumed && !coder.writableEnded)) return undefined;
    await new Promise<void>((resolve) => {
      stream.wake = resolve;
    });
  }
}
