import { host } from './host.js';
import { exactBuffer } from './ops.js';
import { defineInterface, defineIterable } from './webidl.js';

type Pairs = [name: string, value: string][];

/** Lets a URL hear of changes to its parameters. */
export let linkParams: (params: URLSearchParams, onChange: (query: string) => void) => void;
/** Gives the parameters the content of a URL's new query, without telling the URL. */
export let refillParams: (params: URLSearchParams, query: string) => void;

let pairAt: (params: URLSearchParams, index: number) => [string, string] | undefined;
let copyPairs: (params: URLSearchParams) => Pairs;

/** URL §6.2 and the application/x-www-form-urlencoded coding of §5. */
// oxlint-disable-next-line typescript/no-unsafe-declaration-merging -- its iteration is defined below, on the prototype
export class URLSearchParams {
  #pairs: Pairs = [];
  /** Tells the URL these belong to. */
  #onChange: ((query: string) => void) | undefined;

  constructor(init: unknown = '') {
    if ((typeof init === 'object' && init !== null) || typeof init === 'function')
      this.#pairs = pairsOf(init);
    else this.#pairs = parseQuery(String(init).replace(/^\?/, ''));
  }

  get size(): number {
    return this.#pairs.length;
  }

  append(name: string, value: string): void {
    this.#pairs.push([scalar(name), scalar(value)]);
    this.#changed();
  }

  delete(name: string, value?: string): void {
    const key = scalar(name);
    this.#pairs = this.#pairs.filter(
      ([known, held]) => known !== key || (value !== undefined && held !== scalar(value)),
    );
    this.#changed();
  }

  get(name: string): string | null {
    const key = scalar(name);
    return this.#pairs.find(([known]) => known === key)?.[1] ?? null;
  }

  getAll(name: string): string[] {
    const key = scalar(name);
    return this.#pairs.filter(([known]) => known === key).map(([, value]) => value);
  }

  has(name: string, value?: string): boolean {
    const key = scalar(name);
    return this.#pairs.some(
      ([known, held]) => known === key && (value === undefined || held === scalar(value)),
    );
  }

  set(name: string, value: string): void {
    const key = scalar(name);
    const text = scalar(value);
    const at = this.#pairs.findIndex(([known]) => known === key);
    if (at < 0) this.#pairs.push([key, text]);
    else {
      this.#pairs = this.#pairs.filter(([known], index) => index <= at || known !== key);
      this.#pairs[at] = [key, text];
    }
    this.#changed();
  }

  sort(): void {
    this.#pairs = this.#pairs.toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    this.#changed();
  }

  toString(): string {
    return this.#pairs.map(([name, value]) => `${encode(name)}=${encode(value)}`).join('&');
  }

  #changed(): void {
    this.#onChange?.(this.toString());
  }

  static {
    linkParams = (params, onChange) => {
      params.#onChange = onChange;
    };
    refillParams = (params, query) => {
      params.#pairs = parseQuery(query);
    };
    pairAt = (params, index) => params.#pairs[index];
    copyPairs = (params) => params.#pairs.map(([name, value]) => [name, value]);
  }
}

// oxlint-disable-next-line typescript/no-unsafe-declaration-merging -- its iteration is defined below, on the prototype
export interface URLSearchParams extends Iterable<[string, string]> {}
defineIterable<URLSearchParams, string>(URLSearchParams, 'URLSearchParams', (params, index) =>
  pairAt(params, index),
);
defineInterface(URLSearchParams, 'URLSearchParams', {
  constructor: 0,
  append: 2,
  delete: 1,
  get: 1,
  getAll: 1,
  has: 1,
  set: 2,
  forEach: 1,
});

function pairsOf(init: object): Pairs {
  const iterator: unknown = Reflect.get(init, Symbol.iterator);
  if (iterator === URLSearchParams.prototype[Symbol.iterator] && init instanceof URLSearchParams) {
    return copyPairs(init);
  }
  if (iterator === undefined || iterator === null) return pairsOfRecord(init);
  return [...(init as Iterable<Iterable<unknown>>)].map((pair) => {
    const [name, value, ...rest] = [...pair];
    if (name === undefined || value === undefined || rest.length > 0) {
      throw new TypeError('each parameter is a pair of name and value');
    }
    return [scalar(name), scalar(value)];
  });
}

/** Web IDL's record: names that become equal as scalar values share one entry. */
function pairsOfRecord(init: object): Pairs {
  const record = new Map<string, string>();
  for (const key of Reflect.ownKeys(init)) {
    if (Reflect.getOwnPropertyDescriptor(init, key)?.enumerable !== true) continue;
    if (typeof key === 'symbol') throw new TypeError('a name is no symbol');
    record.set(scalar(key), scalar(Reflect.get(init, key)));
  }
  return [...record];
}

function scalar(value: unknown): string {
  if (typeof value === 'symbol') throw new TypeError('a symbol is no text');
  return String(value).toWellFormed();
}

function parseQuery(query: string): Pairs {
  return query
    .split('&')
    .filter((part) => part !== '')
    .map((part) => {
      const at = part.indexOf('=');
      return at < 0 ? [decode(part), ''] : [decode(part.slice(0, at)), decode(part.slice(at + 1))];
    });
}

/** Malformed escapes stay as they are, so that `decodeURIComponent`, which throws, serves the plain case only. */
function decode(text: string): string {
  const spaced = text.replaceAll('+', ' ');
  if (!spaced.includes('%')) return spaced.toWellFormed();
  const bytes = new Uint8Array(host().encodeUtf8(spaced));
  const out = new Uint8Array(bytes.length);
  let length = 0;
  for (let index = 0; index < bytes.length; index += 1) {
    const byte = bytes[index] ?? 0;
    const high = byte === 0x25 ? hexValue(bytes[index + 1]) : -1;
    const low = byte === 0x25 ? hexValue(bytes[index + 2]) : -1;
    const isEscape = high >= 0 && low >= 0;
    out[length] = isEscape ? high * 16 + low : byte;
    length += 1;
    if (isEscape) index += 2;
  }
  return host().decodeUtf8KeepingMark(exactBuffer(out.subarray(0, length)));
}

function hexValue(byte: number | undefined): number {
  if (byte === undefined) return -1;
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

function encode(text: string): string {
  return encodeURIComponent(text)
    .replaceAll('%20', '+')
    .replace(/[!'()~]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
}
