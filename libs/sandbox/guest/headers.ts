import { guestCaps } from './host.js';
import { exceeded } from './limits.js';
import { defineInterface, defineIterable } from './webidl.js';

const namePattern = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const valueRefused = /[\u0000\n\r]|[^\u0000-\u00ff]/;
const edges = /^[\t\n\r ]+|[\t\n\r ]+$/g;
/** Names seen before: a handler uses the same few again and again. */
const knownNames = new Map<string, string>();
const maxKnownNames = 500;

export type HeadersInit = Headers | Iterable<readonly [string, string]> | Record<string, string>;
export type HeadersGuard = 'none' | 'immutable';

/** From names and values in turn; names must be lower-case. */
export let headersFromList: (list: string[], guard: HeadersGuard) => Headers;
/** Names and values in turn, one line each. */
export let headersText: (headers: Headers) => string;

let listOf: (headers: Headers) => string[];
let sorted: (headers: Headers) => [string, string][];

/** Fetch §2.2. Names keep no case; equal names are joined when read, but for `set-cookie`. */
// oxlint-disable-next-line typescript/no-unsafe-declaration-merging -- its iteration is defined below, on the prototype
export class Headers {
  /** Lower-case names and values in turn, in the order they came. */
  #list: string[] = [];
  #guard: HeadersGuard = 'none';

  constructor(init?: HeadersInit) {
    if (init === undefined) return;
    if (init === null || (typeof init !== 'object' && typeof init !== 'function')) {
      throw new TypeError('Headers takes an object or an iterable of pairs');
    }
    if (init instanceof Headers) {
      this.#list = [...init.#list];
      return;
    }
    if (Symbol.iterator in init) {
      for (const pair of init) {
        const [name, value, ...rest] = [...pair];
        if (name === undefined || value === undefined || rest.length > 0) {
          throw new TypeError('each header is a pair of name and value');
        }
        this.append(name, value);
      }
      return;
    }
    if (Object.getOwnPropertySymbols(init).length > 0) throw new TypeError('a header name is no symbol');
    for (const name of Object.keys(init)) this.append(name, init[name] as string);
  }

  append(name: string, value: string): void {
    const [key, text] = this.#checked(name, value);
    this.#list.push(key, text);
  }

  delete(name: string): void {
    const [key] = this.#checked(name, '');
    this.#remove(key);
  }

  get(name: string): string | null {
    const key = normalName(name);
    let found: string | null = null;
    for (let index = 0; index < this.#list.length; index += 2) {
      if (this.#list[index] !== key) continue;
      const value = this.#list[index + 1] ?? '';
      found = found === null ? value : `${found}, ${value}`;
    }
    return found;
  }

  getSetCookie(): string[] {
    return this.#list.filter((_, index) => index % 2 === 1 && this.#list[index - 1] === 'set-cookie');
  }

  has(name: string): boolean {
    const key = normalName(name);
    for (let index = 0; index < this.#list.length; index += 2) if (this.#list[index] === key) return true;
    return false;
  }

  set(name: string, value: string): void {
    const [key, text] = this.#checked(name, value);
    const at = this.#list.findIndex((entry, index) => index % 2 === 0 && entry === key);
    if (at < 0) {
      this.#list.push(key, text);
      return;
    }
    this.#list = [...this.#list.slice(0, at + 1), text, ...this.#list.slice(at + 2)];
    const rest = this.#list.splice(at + 2);
    for (let index = 0; index < rest.length; index += 2) {
      if (rest[index] !== key) this.#list.push(rest[index] ?? '', rest[index + 1] ?? '');
    }
  }

  #sorted(): [string, string][] {
    const names = new Set<string>();
    for (let index = 0; index < this.#list.length; index += 2) names.add(this.#list[index] ?? '');
    return [...names].toSorted().flatMap((name): [string, string][] => {
      if (name !== 'set-cookie') return [[name, this.get(name) ?? '']];
      return this.getSetCookie().map((cookie): [string, string] => [name, cookie]);
    });
  }

  #remove(key: string): void {
    const rest: string[] = [];
    for (let index = 0; index < this.#list.length; index += 2) {
      if (this.#list[index] !== key) rest.push(this.#list[index] ?? '', this.#list[index + 1] ?? '');
    }
    this.#list = rest;
  }

  #checked(name: string, value: string): [name: string, value: string] {
    if (this.#guard === 'immutable') throw new TypeError('these headers cannot be changed');
    const key = normalName(name);
    const text = trimmed(String(value));
    if (valueRefused.test(text))
      throw new TypeError(`the value of header ${key} holds a character that is not allowed`);
    return [key, text];
  }

  static {
    listOf = (headers) => headers.#list;
    sorted = (headers) => headers.#sorted();
    headersFromList = (list, guard) => {
      const headers = new Headers();
      headers.#list = list;
      headers.#guard = guard;
      return headers;
    };
    headersText = (headers) => {
      const text = headers.#list.join('\n');
      if (text.length > guestCaps.headerBytes) {
        throw exceeded('headers', new TypeError('the headers are larger than 64 KB'));
      }
      return text;
    };
  }
}

function normalName(name: string): string {
  const text = String(name);
  const known = knownNames.get(text);
  if (known !== undefined) return known;
  if (!namePattern.test(text))
    throw new TypeError('a header name may hold letters, digits and some signs only');
  const lower = text.toLowerCase();
  if (knownNames.size < maxKnownNames) knownNames.set(text, lower);
  return lower;
}

/** Most values have no white space at their ends: a look at two characters spares the search. */
function trimmed(text: string): string {
  const isClean = text.charCodeAt(0) > 0x20 && text.charCodeAt(text.length - 1) > 0x20;
  return isClean || text === '' ? text : text.replace(edges, '');
}

/** Sorted once for a whole iteration, as long as nothing changes. */
const sortedOf = new WeakMap<Headers, { list: string[]; length: number; pairs: [string, string][] }>();

function sortedPairs(headers: Headers): [string, string][] {
  const list = listOf(headers);
  const known = sortedOf.get(headers);
  if (known?.list === list && known.length === list.length) return known.pairs;
  const pairs = sorted(headers);
  sortedOf.set(headers, { list, length: list.length, pairs });
  return pairs;
}

// oxlint-disable-next-line typescript/no-unsafe-declaration-merging -- its iteration is defined below, on the prototype
export interface Headers extends Iterable<[string, string]> {}
defineIterable<Headers, string>(Headers, 'Headers', (headers, index) => sortedPairs(headers)[index]);
defineInterface(Headers, 'Headers', {
  constructor: 0,
  append: 2,
  delete: 1,
  get: 1,
  has: 1,
  set: 2,
  forEach: 1,
});

/** From lines of names and values in turn, as they came over the wire. */
export function headersFromLines(lines: readonly string[], start: number, guard: HeadersGuard): Headers {
  const list: string[] = [];
  for (let index = start; index + 1 < lines.length; index += 2) {
    list.push((lines[index] ?? '').toLowerCase(), lines[index + 1] ?? '');
  }
  return headersFromList(list, guard);
}
