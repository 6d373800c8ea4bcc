import { allowCloning } from './clone.js';
import { host } from './host.js';
import { exactBuffer } from './ops.js';
import { type ReadableStream, streamOfBytes } from './streams.js';
import { defineInterface, needArguments, toDictionary, toInteger } from './webidl.js';

type BlobPart = string | ArrayBuffer | ArrayBufferView | Blob;

interface BlobOptions {
  type?: string;
  endings?: 'transparent' | 'native';
}

/** The bytes themselves, for the prelude alone: not to be changed. */
export let blobBytes: (blob: Blob) => Uint8Array;

/** File API §3: bytes that do not change. They are kept whole: a blob is no larger than a body may be. */
export class Blob {
  #bytes: Uint8Array;
  readonly #type: string;

  constructor(parts?: Iterable<BlobPart>, options?: BlobOptions) {
    // In the order of Web IDL: the parts are converted first, then the options by the order of their names.
    const read = parts === undefined ? [] : partsOf(parts);
    const given = toDictionary(options, 'Blob');
    const hasNativeEndings = endingsOf(given['endings']) === 'native';
    this.#type = normalType(given['type']);
    this.#bytes = join(
      read.map((part) => (typeof part === 'string' ? textBytes(part, hasNativeEndings) : part)),
    );
  }

  get size(): number {
    return this.#bytes.byteLength;
  }

  get type(): string {
    return this.#type;
  }

  slice(start?: number, end?: number, type?: string): Blob {
    const { byteLength } = this.#bytes;
    const from = start === undefined ? 0 : clamp(start, byteLength);
    const to = end === undefined ? byteLength : clamp(end, byteLength);
    const part = new Blob([], { type: type === undefined ? '' : String(type) });
    part.#bytes = this.#bytes.subarray(from, Math.max(from, to));
    return part;
  }

  async text(): Promise<string> {
    return host().decodeUtf8(exactBuffer(this.#bytes));
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return exactBuffer(this.#bytes.slice());
  }

  async bytes(): Promise<Uint8Array> {
    return this.#bytes.slice();
  }

  stream(): ReadableStream {
    return streamOfBytes(this.#bytes.slice());
  }

  static {
    blobBytes = (blob) => blob.#bytes;
  }
}

defineInterface(Blob, 'Blob', { constructor: 0 });

/** File API §4. */
export class File extends Blob {
  readonly #name: string;
  readonly #lastModified: number;

  constructor(parts: Iterable<BlobPart>, name: string, options?: BlobOptions & { lastModified?: number }) {
    needArguments(arguments.length, 2, 'File');
    if (parts === undefined) throw new TypeError('a File takes a sequence of parts');
    super(parts, options);
    const { lastModified } = toDictionary(options, 'File');
    this.#name = String(name).toWellFormed();
    this.#lastModified = lastModified === undefined ? host().nowMs() : toInteger(lastModified);
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
}

defineInterface(File, 'File', { constructor: 2 });

allowCloning(Blob, (blob) => {
  if (!(blob instanceof File)) return blob.slice(0, blob.size, blob.type);
  const { name, type, lastModified } = blob;
  return new File([blob], name, { type, lastModified });
});

/** Each part is converted before the next one is asked for. */
function partsOf(parts: unknown): (Uint8Array | string)[] {
  if (
    (typeof parts !== 'object' && typeof parts !== 'function') ||
    parts === null ||
    !(Symbol.iterator in parts)
  ) {
    throw new TypeError('a Blob takes a sequence of parts');
  }
  const read: (Uint8Array | string)[] = [];
  for (const part of parts as Iterable<unknown>) read.push(partOf(part));
  return read;
}

function partOf(part: unknown): Uint8Array | string {
  if (part instanceof Blob) return blobBytes(part);
  if (part instanceof ArrayBuffer) return new Uint8Array(part.slice(0));
  if (ArrayBuffer.isView(part)) return new Uint8Array(part.buffer, part.byteOffset, part.byteLength).slice();
  return String(part);
}

function textBytes(text: string, hasNativeEndings: boolean): Uint8Array {
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
