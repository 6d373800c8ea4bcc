import { TextDecoder, TextEncoder } from './text-coding.js';
import { type ReadableStream, streams, type WritableStream } from './streams.js';
import { defineInterface, toDictionary } from './webidl.js';

const { TransformStream } = streams();

type Bytes = Uint8Array<ArrayBuffer>;
interface Sink<T> {
  enqueue(chunk: T): void;
}

/** Encoding §7.5. A chunk that ends in half a pair waits for the next one. */
export class TextEncoderStream {
  readonly #transform: { readonly readable: ReadableStream; readonly writable: WritableStream };

  constructor() {
    const encoder = new TextEncoder();
    let pending = '';
    this.#transform = new TransformStream<unknown, Uint8Array>({
      transform(chunk: unknown, controller: Sink<Uint8Array>) {
        let text = pending + toText(chunk);
        pending = '';
        if (isHighSurrogate(text.charCodeAt(text.length - 1))) {
          pending = text.slice(-1);
          text = text.slice(0, -1);
        }
        if (text !== '') controller.enqueue(encoder.encode(text));
      },
      flush(controller: Sink<Uint8Array>) {
        if (pending !== '') controller.enqueue(encoder.encode(pending));
      },
    });
  }

  get encoding(): string {
    void this.#transform;
    return 'utf-8';
  }
  get readable(): ReadableStream {
    return this.#transform.readable;
  }
  get writable(): WritableStream {
    return this.#transform.writable;
  }
}

function toText(chunk: unknown): string {
  if (typeof chunk === 'symbol') throw new TypeError('a symbol is no text');
  return String(chunk);
}

function isHighSurrogate(code: number): boolean {
  return code >= 0xd800 && code <= 0xdbff;
}

/** Encoding §7.4. */
export class TextDecoderStream {
  readonly #decoder: TextDecoder;
  readonly #transform: { readonly readable: ReadableStream; readonly writable: WritableStream };

  constructor(label = 'utf-8', options?: { fatal?: boolean; ignoreBOM?: boolean }) {
    const { fatal, ignoreBOM } = toDictionary(options, 'TextDecoderStream');
    const decoder = new TextDecoder(String(label), { fatal: Boolean(fatal), ignoreBOM: Boolean(ignoreBOM) });
    this.#decoder = decoder;
    this.#transform = new TransformStream<unknown, string>({
      transform(chunk: unknown, controller: Sink<string>) {
        const text = decoder.decode(toBytes(chunk), { stream: true });
        if (text !== '') controller.enqueue(text);
      },
      flush(controller: Sink<string>) {
        const text = decoder.decode();
        if (text !== '') controller.enqueue(text);
      },
    });
  }

  get encoding(): string {
    return this.#decoder.encoding;
  }
  get fatal(): boolean {
    return this.#decoder.fatal;
  }
  get ignoreBOM(): boolean {
    return this.#decoder.ignoreBOM;
  }
  get readable(): ReadableStream {
    return this.#transform.readable;
  }
  get writable(): WritableStream {
    return this.#transform.writable;
  }
}

function isDetached(buffer: unknown): boolean {
  return buffer instanceof ArrayBuffer && buffer.detached;
}

/** A chunk of bytes: a buffer or any view. */
export function toBytes(chunk: unknown): Bytes {
  // What was transferred meanwhile has become nothing.
  if (isDetached(ArrayBuffer.isView(chunk) ? chunk.buffer : chunk)) return new Uint8Array(0);
  if (chunk instanceof ArrayBuffer) return new Uint8Array(chunk);
  if (ArrayBuffer.isView(chunk)) {
    return new Uint8Array(chunk.buffer as ArrayBuffer, chunk.byteOffset, chunk.byteLength);
  }
  throw new TypeError('a chunk of bytes is a buffer or a view of one');
}

defineInterface(TextEncoderStream, 'TextEncoderStream');
defineInterface(TextDecoderStream, 'TextDecoderStream');
