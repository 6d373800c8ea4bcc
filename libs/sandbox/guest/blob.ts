import { host } from './host.js';
import { exactBuffer } from './ops.js';
import { type ReadableStream, streamOfBytes } from './streams.js';

type BlobPart = string | ArrayBuffer | ArrayBufferView | Blob;

interface BlobOptions {
  type?: string;
  endings?: 'transparent' | 'native';
}

/** The bytes themselves, for the prelude alone: not to be changed. */
export let blobBytes: (blob: Blob) => Uint8Array;

/** File API §3: bytes that do not change. They are kept whole: a blob is no larger than a body may be. */
export class Blob {
  readonly #bytes: Uint8Array;
  readonly #type: string;

  constructor(parts: Iterable<BlobPart> = [], options: BlobOptions = {}) {
    if (typeof parts !== 'object' || parts === null || !(Symbol.iterator in parts)) {
      throw new TypeError('a Blob takes a sequence of parts');
    }
    const hasNativeEndings = endingsOf(options.endings) === 'native';
    this.#bytes = join([...parts].map((part) => bytesOf(part, hasNativeEndings)));
    this.#type = normalType(options.type);
  }

  get size(): number {
    return this.#bytes.byteLength;
  }

  get type(): string {
    return this.#type;
  }

  slice(start = 0, end = this.size, type = ''): Blob {
    return new Blob([this.#bytes.slice(clamp(start, this.size), clamp(end, this.size))], { type });
  }

  text(): Promise<string> {
    return Promise.resolve(host().decodeUtf8(exactBuffer(this.#bytes)));
  }

  arrayBuffer(): Promise<ArrayBuffer> {
    return Promise.resolve(exactBuffer(this.#bytes.slice()));
  }

  bytes(): Promise<Uint8Array> {
    return Promise.resolve(this.#bytes.slice());
  }

  stream(): ReadableStream {
    return streamOfBytes(this.#bytes.slice());
  }

  get [Symbol.toStringTag](): string {
    return 'Blob';
  }

  static {
    blobBytes = (blob) => blob.#bytes;
  }
}

/** File API §4. */
export class File extends Blob {
  readonly #name: string;
  readonly #lastModified: number;

  constructor(
    parts: Iterable<BlobPart>,
    name: string,
    options: BlobOptions & { lastModified?: number } = {},
  ) {
    super(parts, options);
    this.#name = String(name).toWellFormed();
    this.#lastModified =
      options.lastModified === undefined ? host().nowMs() : Math.trunc(Number(options.lastModified)) || 0;
  }

  get name(): string {
    return this.#name;
  }

  get lastModified(): number {
    return this.#lastModified;
  }

  get webkitRelativePath(): string {
    return '';
  }

  override get [Symbol.toStringTag](): string {
    return 'File';
  }
}

function bytesOf(part: BlobPart, hasNativeEndings: boolean): Uint8Array {
  if (part instanceof Blob) return blobBytes(part);
  if (part instanceof ArrayBuffer) return new Uint8Array(part.slice(0));
  if (ArrayBuffer.isView(part)) return new Uint8Array(part.buffer, part.byteOffset, part.byteLength).slice();
  const text = String(part);
  return new Uint8Array(host().encodeUtf8(hasNativeEndings ? text.replaceAll(/\r\n?/g, '\n') : text));
}

export function join(parts: readonly Uint8Array[]): Uint8Array {
  const only = parts[0];
  if (only !== undefined && parts.length === 1) return only;
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.byteLength;
  }
  return all;
}

function endingsOf(value: unknown): string {
  const text = value === undefined ? 'transparent' : String(value);
  if (text === 'transparent' || text === 'native') return text;
  throw new TypeError('endings is transparent or native');
}

/** A type with a character outside of visible ASCII counts as none. */
function normalType(value: unknown): string {
  const text = value === undefined ? '' : String(value);
  return /^[\u0020-\u007e]*$/.test(text) ? text.toLowerCase() : '';
}

function clamp(position: number, size: number): number {
  const whole = Math.trunc(Number(position)) || 0;
  return whole < 0 ? Math.max(size + whole, 0) : Math.min(whole, size);
}
