import type { ReadableStream } from './body.js';
import { host } from './host.js';
import { attachSource, cancelOp, exactBuffer, type OpSource } from './ops.js';

/** Largest part sent at once; credit is overdrawn by no more than one (`src/host/upload.ts`). */
const chunkBytes = 64 * 1024;

/** Sends a stream as the body of an operation, as far as the other end takes it. */
export async function upload(opId: number, stream: ReadableStream): Promise<void> {
  const reader = stream.getReader();
  const window = new Window(() => {
    reader.cancel().catch(() => undefined);
  });
  attachSource(opId, window);
  try {
    while (!window.isStopped) {
      const { done, value } = await reader.read();
      if (done) break;
      if (!(value instanceof Uint8Array))
        throw new TypeError('a body stream may hold Uint8Array chunks only');
      await send(opId, window, value);
    }
    if (!window.isStopped) host().opChunkEnd(opId);
  } catch (error) {
    cancelOp(opId, error);
  }
}

async function send(opId: number, window: Window, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.byteLength; at += chunkBytes) {
    while (window.isFull) await window.change();
    if (window.isStopped) return;
    const part = bytes.subarray(at, at + chunkBytes);
    window.credit -= part.byteLength;
    host().opChunk(opId, exactBuffer(part));
  }
}

/** What the other end has room for. */
class Window implements OpSource {
  credit = 0;
  isStopped = false;
  #wake: (() => void) | undefined;

  constructor(private readonly onStop: () => void) {}

  get isFull(): boolean {
    return this.credit <= 0 && !this.isStopped;
  }

  change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  granted(bytes: number): void {
    this.credit += bytes;
    this.#wake?.();
  }

  stop(): void {
    this.isStopped = true;
    this.#wake?.();
    this.onStop();
  }
}
