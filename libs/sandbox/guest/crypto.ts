import { DOMException } from './dom-exception.js';
import { host } from './host.js';
import { makeSubtle, SubtleCrypto } from './subtle.js';
import { CryptoKey } from './crypto-key.js';
import { defineInterface } from './webidl.js';

const quotaBytes = 65_536;
const integerViews = [
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  BigInt64Array,
  BigUint64Array,
];

let isMade = false;

export { CryptoKey, SubtleCrypto };

/** Web Cryptography §10: random values come from the host's generator. */
export class Crypto {
  #subtle: SubtleCrypto | undefined;

  constructor() {
    // The global's own object is the first and only one.
    if (isMade) throw new TypeError('Illegal constructor');
    isMade = true;
  }

  get subtle(): SubtleCrypto {
    this.#subtle ??= makeSubtle();
    return this.#subtle;
  }

  getRandomValues<T extends ArrayBufferView>(view: T): T {
    void this.#subtle;
    if (!integerViews.some((type) => view instanceof type)) {
      throw new DOMException('getRandomValues takes an integer typed array', 'TypeMismatchError');
    }
    if (view.byteLength > quotaBytes) {
      throw new DOMException(`at most ${quotaBytes} bytes at once`, 'QuotaExceededError');
    }
    const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    const random = host().random(bytes.length);
    for (let index = 0; index < bytes.length; index += 1) bytes[index] = random.charCodeAt(index);
    return view;
  }

  randomUUID(): string {
    void this.#subtle;
    return randomUuid();
  }
}

defineInterface(Crypto, 'Crypto', { getRandomValues: 1 });

export const crypto = new Crypto();

export function randomUuid(): string {
  const random = host().random(16);
  const bytes = Array.from(random, (sign) => sign.charCodeAt(0));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
