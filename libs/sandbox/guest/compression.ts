import { startOp } from './ops.js';
import { type ReadableStream, streams, type WritableStream } from './streams.js';
import { toBytes } from './text-streams.js';
import { defineInterface, needArguments } from './webidl.js';

const formats = new Set(['gzip', 'deflate', 'deflate-raw']);
const chunkBytes = 64 * 1024;
let lastId = 0;

interface Pending {
  readonly bytes: Uint8Array;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
}

/**
 * One coder in the runner. It works when somebody reads, one bounded step at a time, so that a small input that
 * becomes a huge output waits for its reader.
 */
class Coder {
  readonly readable: ReadableStream;
  readonly writable: WritableStream;
  readonly #id: number;
  readonly #kind: string;
  #pending: Pending | undefined;
  #isClosing = false;
  #hasMore = false;
  #wake: (() => void) | undefined;
  #fault: { readonly error: unknown } | undefined;

  constructor(mode: string, format: unknown) {
    const name = String(format);
    if (!formats.has(name)) throw new TypeError('the format is gzip, deflate or deflate-raw');
    lastId += 1;
    this.#id = lastId;
    this.#kind = `${mode} ${name}`;
    const { ReadableStream: Readable, WritableStream: Writable } = streams();
    this.readable = new Readable<Uint8Array>(
      {
        pull: (controller) => this.#pull(controller),
        cancel: (reason) => this.#stop(reason),
      },
      { highWaterMark: 0 },
    ) as ReadableStream;
    this.writable = new Writable<unknown>({
      write: (chunk) => this.#write(toBytes(chunk)),
      close: () => this.#close(),
      abort: (reason) => this.#stop(reason),
    }) as WritableStream;
  }

  async #write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; at += chunkBytes) {
      await this.#give(bytes.subarray(at, at + chunkBytes));
    }
  }

  #give(bytes: Uint8Array): Promise<void> {
    if (this.#fault !== undefined) return Promise.reject(this.#fault.error);
    return new Promise((done, failed) => {
      this.#pending = { bytes, done, failed };
      this.#wakeUp();
    });
  }

  async #close(): Promise<void> {
    if (this.#fault !== undefined) throw this.#fault.error;
    await new Promise<void>((done, failed) => {
      this.#isClosing = true;
      this.#pending = { bytes: new Uint8Array(), done, failed };
      this.#wakeUp();
    });
  }

  #wakeUp(): void {
    this.#wake?.();
    this.#wake = undefined;
  }

  /** Steps until there is something to read. */
  async #pull(controller: { enqueue(bytes: Uint8Array): void; close(): void }): Promise<void> {
    try {
      for (;;) {
        if (this.#fault !== undefined) throw this.#fault.error;
        if (this.#pending === undefined) {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
          continue;
        }
        if (await this.#step(controller, this.#pending)) return;
      }
    } catch (error) {
      this.#fail(error);
      throw error;
    }
  }

  /** @returns whether the reader got something */
  async #step(
    controller: { enqueue(bytes: Uint8Array): void; close(): void },
    pending: Pending,
  ): Promise<boolean> {
    const step = this.#hasMore ? 'read' : this.#isClosing ? 'end' : 'write';
    const { text, bytes } = await startOp(
      'zlib',
      `${this.#id} ${step} ${this.#kind}`,
      step === 'write' ? pending.bytes : undefined,
    ).result;
    this.#hasMore = text === 'more';
    if (bytes.length > 0) controller.enqueue(bytes);
    if (text === 'done') controller.close();
    if (!this.#hasMore) {
      this.#pending = undefined;
      pending.done();
    }
    return bytes.length > 0 || text === 'done';
  }

  #fail(error: unknown): void {
    this.#fault ??= { error };
    this.#pending?.failed(error);
    this.#pending = undefined;
    this.#wakeUp();
  }

  async #stop(reason: unknown): Promise<void> {
    this.#fail(reason);
    await startOp('zlib', `${this.#id} drop`).result;
  }
}

/** Compression §4. */
export class CompressionStream {
  readonly #coder: Coder;

  constructor(format: string) {
    needArguments(arguments.length, 1, 'CompressionStream');
    this.#coder = new Coder('compress', format);
  }
  get readable(): ReadableStream {
    return this.#coder.readable;
  }
  get writable(): WritableStream {
    return this.#coder.writable;
  }
}

/** Compression §5. */
export class DecompressionStream {
  readonly #coder: Coder;

  constructor(format: string) {
    needArguments(arguments.length, 1, 'DecompressionStream');
    this.#coder = new Coder('decompress', format);
  }
  get readable(): ReadableStream {
    return this.#coder.readable;
  }
  get writable(): WritableStream {
    return this.#coder.writable;
  }
}

defineInterface(CompressionStream, 'CompressionStream', { constructor: 1 });
defineInterface(DecompressionStream, 'DecompressionStream', { constructor: 1 });
