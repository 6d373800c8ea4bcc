import type { Blob } from './blob.js';
import type { FormData } from './form-data.js';
import { host } from './host.js';
import { exactBuffer } from './ops.js';
import { segments } from './segments.js';
import { isDisturbed, isStream, type ReadableStream, streamOfBytes } from './streams.js';
import { URLSearchParams } from './url-search-params.js';
import { defineInterface } from './webidl.js';

export type { ReadableStream };
export type BodyInit =
  | string
  | ArrayBuffer
  | ArrayBufferView
  | Blob
  | FormData
  | URLSearchParams
  | ReadableStream;

/** What a body is before anybody looks at it: bytes at hand are never turned into a stream unless asked. */
export type BodySource = string | Uint8Array | ReadableStream | null;

/** Takes the body away for sending; it counts as read. */
export let takeBody: (body: Body) => BodySource;
/** A second body with the same content, for `clone()`. */
export let teeBody: (body: Body) => BodySource;

/** Fetch §2.2.4 and §5.3 for requests and responses alike. */
export abstract class Body {
  #source: BodySource;
  #isUsed = false;

  protected constructor(source: BodySource) {
    this.#source = source;
  }

  get body(): ReadableStream | null {
    if (this.#source === null) return null;
    if (!isStream(this.#source))
      this.#source = streamOfBytes(this.#isUsed ? new Uint8Array() : toBytes(this.#source));
    return this.#source;
  }

  get bodyUsed(): boolean {
    return this.#isUsed || (isStream(this.#source) && isDisturbed(this.#source));
  }

  async text(): Promise<string> {
    const source = this.#take();
    if (source === null) return '';
    if (typeof source === 'string') return source.isWellFormed() ? source : source.toWellFormed();
    return host().decodeUtf8(exactBuffer(await collect(source)));
  }

  async json(): Promise<unknown> {
    return JSON.parse(await this.text());
  }

  async bytes(): Promise<Uint8Array> {
    const source = this.#take();
    return source === null ? new Uint8Array() : collect(source);
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return exactBuffer(await this.bytes());
  }

  async blob(): Promise<Blob> {
    const bytes = await this.bytes();
    const { Blob } = segments.blob.get();
    return new Blob([bytes], { type: this.headers.get('content-type') ?? '' });
  }

  async formData(): Promise<FormData> {
    return segments.formData.get().decodeForm(await this.bytes(), this.headers.get('content-type') ?? '');
  }

  abstract get headers(): { get(name: string): string | null };

  #take(): BodySource {
    if (this.bodyUsed) throw new TypeError('the body was read before');
    if (isStream(this.#source) && this.#source.locked) throw new TypeError('the body is locked to a reader');
    if (this.#source !== null) this.#isUsed = true;
    return this.#source;
  }

  static {
    takeBody = (body) => body.#take();
    teeBody = (body) => {
      if (body.bodyUsed) throw new TypeError('a body that was read cannot be cloned');
      if (!isStream(body.#source)) return body.#source;
      const [mine, theirs] = body.#source.tee();
      body.#source = mine;
      return theirs;
    };
  }
}

defineInterface(Body, 'Body');

/** The source of a `BodyInit` and the content type it implies. */
export function readBodyInit(
  init: BodyInit | null | undefined,
): [source: BodySource, contentType: string | null] {
  if (init === null || init === undefined) return [null, null];
  if (init instanceof ArrayBuffer) return [new Uint8Array(init.slice(0)), null];
  if (ArrayBuffer.isView(init)) {
    return [new Uint8Array(init.buffer, init.byteOffset, init.byteLength).slice(), null];
  }
  const blobs = segments.blob.peek();
  if (blobs !== undefined && init instanceof blobs.Blob) {
    return [blobs.blobBytes(init), init.type === '' ? null : init.type];
  }
  const forms = segments.formData.peek();
  if (forms !== undefined && init instanceof forms.FormData) return forms.encodeForm(init);
  if (init instanceof URLSearchParams) {
    return [init.toString(), 'application/x-www-form-urlencoded;charset=UTF-8'];
  }
  if (isStream(init)) {
    if (init.locked || isDisturbed(init)) throw new TypeError('the stream is locked or was read before');
    return [init, null];
  }
  return [String(init), 'text/plain;charset=UTF-8'];
}

export function toBytes(source: string | Uint8Array): Uint8Array {
  return typeof source === 'string' ? new Uint8Array(host().encodeUtf8(source)) : source;
}

export async function collect(source: string | Uint8Array | ReadableStream): Promise<Uint8Array> {
  if (!isStream(source)) return toBytes(source);
  const chunks: Uint8Array[] = [];
  let length = 0;
  const reader = source.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    if (!(value instanceof Uint8Array)) throw new TypeError('a body stream may hold Uint8Array chunks only');
    chunks.push(value);
    length += value.byteLength;
  }
  const all = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.byteLength;
  }
  return all;
}
