import { Blob, blobBytes } from './blob.js';
import { btoa } from './base64.js';
import { DOMException } from './dom-exception.js';
import { defineHandler, EventTarget, fire } from './events.js';
import { exactBuffer } from './ops.js';
import { ProgressEvent } from './progress-event.js';
import { TextDecoder } from './text-coding.js';
import { startTimer } from './timers.js';
import { defineInterface } from './webidl.js';

export { ProgressEvent };

const empty = 0;
const loading = 1;
const done = 2;
/** Bytes made into text at once: more arguments of one call would not fit on the stack. */
const binaryStep = 0x2000;

type Pack = (bytes: Uint8Array) => string | ArrayBuffer;

/** File API §6.2. The bytes are at hand: what takes time is that every event is a task of its own. */
export class FileReader extends EventTarget {
  #state: number = empty;
  #result: string | ArrayBuffer | null = null;
  #error: DOMException | null = null;
  /** Tells the steps of a reading that was aborted from those of the one after it. */
  #reading: object | undefined;

  get readyState(): number {
    return this.#state;
  }
  get result(): string | ArrayBuffer | null {
    return this.#result;
  }
  get error(): DOMException | null {
    return this.#error;
  }

  readAsArrayBuffer(blob: unknown): void {
    this.#read(blob, (bytes) => exactBuffer(bytes.slice()));
  }

  readAsBinaryString(blob: unknown): void {
    this.#read(blob, binary);
  }

  readAsText(blob: unknown, encoding?: unknown): void {
    const label = encoding === undefined ? undefined : String(encoding);
    const type = blob instanceof Blob ? blob.type : '';
    this.#read(blob, (bytes) => decoderOf(bytes, label, type).decode(bytes));
  }

  readAsDataURL(blob: unknown): void {
    const type = blob instanceof Blob && blob.type !== '' ? blob.type : 'application/octet-stream';
    this.#read(blob, (bytes) => `data:${type};base64,${btoa(binary(bytes))}`);
  }

  abort(): void {
    if (this.#state !== loading) {
      this.#result = null;
      return;
    }
    this.#state = done;
    this.#result = null;
    this.#reading = undefined;
    this.#fire('abort', 0, 0);
    if (this.#state !== loading) this.#fire('loadend', 0, 0);
  }

  #read(blob: unknown, pack: Pack): void {
    if (!(blob instanceof Blob)) throw new TypeError('a Blob is needed');
    if (this.#state === loading) throw new DOMException('it reads another blob', 'InvalidStateError');
    const reading = {};
    this.#reading = reading;
    this.#state = loading;
    this.#result = null;
    this.#error = null;
    const bytes = blobBytes(blob);
    const total = bytes.byteLength;
    this.#steps(reading, [
      () => this.#fire('loadstart', 0, total),
      ...(total === 0 ? [] : [() => this.#fire('progress', total, total)]),
      () => this.#finish(bytes, pack),
    ]);
  }

  /** One task for each, as long as the reading goes on. */
  #steps(reading: object, [first, ...rest]: (() => void)[]): void {
    if (first === undefined) return;
    startTimer(() => {
      if (this.#reading !== reading) return;
      first();
      this.#steps(reading, rest);
    }, 0);
  }

  #finish(bytes: Uint8Array, pack: Pack): void {
    this.#state = done;
    this.#reading = undefined;
    const total = bytes.byteLength;
    try {
      this.#result = pack(bytes);
      this.#fire('load', total, total);
    } catch {
      this.#error = new DOMException('the blob cannot be read so', 'NotReadableError');
      this.#fire('error', 0, total);
    }
    startTimer(() => {
      // A listener may have begun another one.
      if (this.#state !== loading) this.#fire('loadend', total, total);
    }, 0);
  }

  #fire(type: string, loaded: number, total: number): void {
    fire(this, new ProgressEvent(type, { lengthComputable: total > 0, loaded, total }));
  }

  static {
    for (const type of ['loadstart', 'progress', 'load', 'abort', 'error', 'loadend']) {
      defineHandler(FileReader.prototype, type, (self) => {
        void (self as FileReader).#state;
        return self as FileReader;
      });
    }
  }
}

/** A byte order mark decides, else what was asked for, else the blob's type, else UTF-8 (File API §6.5). */
function decoderOf(bytes: Uint8Array, label: string | undefined, type: string): TextDecoder {
  const [first, second] = bytes;
  if (first === 0xfe && second === 0xff) return new TextDecoder('utf-16be');
  if (first === 0xff && second === 0xfe) return new TextDecoder('utf-16le');
  const charset = /;\s*charset="?([^\s;"]+)/i.exec(type)?.[1];
  for (const one of [label, charset]) {
    try {
      if (one !== undefined) return new TextDecoder(one);
    } catch {
      // An encoding nobody knows counts as none.
    }
  }
  return new TextDecoder();
}

function binary(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += binaryStep) {
    text += String.fromCharCode(...bytes.subarray(at, at + binaryStep));
  }
  return text;
}

defineInterface(FileReader, 'FileReader', {
  readAsArrayBuffer: 1,
  readAsBinaryString: 1,
  readAsText: 1,
  readAsDataURL: 1,
});
for (const [name, value] of Object.entries({ EMPTY: empty, LOADING: loading, DONE: done })) {
  for (const holder of [FileReader, FileReader.prototype]) {
    Object.defineProperty(holder, name, { value, enumerable: true });
  }
}
