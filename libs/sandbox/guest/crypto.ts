import { DOMException } from './dom-exception.js';
import { host } from './host.js';

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

/** Web Cryptography §10: random values; the bytes come from the host's generator. */
export class Crypto {
  getRandomValues<T extends ArrayBufferView>(view: T): T {
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
    const bytes = this.getRandomValues(new Uint8Array(16));
    bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
    bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
    const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
  }
}
