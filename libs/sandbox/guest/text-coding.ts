import { TextDecoder as Decoder, TextEncoder as Encoder } from '@exodus/bytes/encoding.js';
import { defineInterface, needArguments, toDictionary } from './webidl.js';

type Source = ArrayBuffer | ArrayBufferView;

/** Encoding §7.2, in the shape of its interface; the work is the library's. */
export class TextDecoder {
  readonly #decoder: InstanceType<typeof Decoder>;

  constructor(label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean }) {
    const { fatal, ignoreBOM } = toDictionary(options, 'TextDecoder');
    const name = label === undefined ? 'utf-8' : String(label);
    this.#decoder = new Decoder(name, { fatal: Boolean(fatal), ignoreBOM: Boolean(ignoreBOM) });
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

  decode(input?: Source, options?: { stream?: boolean }): string {
    const { stream } = toDictionary(options, 'decode');
    return this.#decoder.decode(input as never, { stream: Boolean(stream) });
  }
}

/** Encoding §7.3. */
export class TextEncoder {
  readonly #encoder = new Encoder();

  get encoding(): string {
    void this.#encoder;
    return 'utf-8';
  }

  encode(text: unknown = ''): Uint8Array<ArrayBuffer> {
    return this.#encoder.encode(String(text));
  }

  encodeInto(text: unknown, into: Uint8Array): { read: number; written: number } {
    needArguments(arguments.length, 2, 'encodeInto');
    return this.#encoder.encodeInto(String(text), into);
  }
}

defineInterface(TextDecoder, 'TextDecoder');
defineInterface(TextEncoder, 'TextEncoder', { encodeInto: 2 });
