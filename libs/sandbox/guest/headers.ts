import { guestCaps } from './host.js';

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

/** Fetch §2.2. Names keep no case; equal names are joined when read, but for `set-cookie`. */
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
    this.#list[at + 1] = text;
    const rest = this.#list.splice(at + 2);
    for (let index = 0; index < rest.length; index += 2) {
      if (rest[index] !== key) this.#list.push(rest[index] ?? '', rest[index + 1] ?? '');
    }
  }

  forEach(callback: (value: string, name: string, headers: Headers) => void, thisArg?: unknown): void {
    for (const [name, value] of this.#sorted()) Reflect.apply(callback, thisArg, [value, name, this]);
  }

  *entries(): Generator<[string, string]> {
    yield* this.#sorted();
  }

  *keys(): Generator<string> {
    for (const [name] of this.#sorted()) yield name;
  }

  *values(): Generator<string> {
    for (const [, value] of this.#sorted()) yield value;
  }

  [Symbol.iterator](): Generator<[string, string]> {
    return this.entries();
  }

  get [Symbol.toStringTag](): string {
    return 'Headers';
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
    headersFromList = (list, guard) => {
      const headers = new Headers();
      headers.#list = list;
      headers.#guard = guard;
      return headers;
    };
    headersText = (headers) => {
      const text = headers.#list.join('\n');
      if (text.length > guestCaps.headerBytes) throw new TypeError('the headers are larger than 64 KB');
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

/** From lines of names and values in turn, as they came over the wire. */
export function headersFromLines(lines: readonly string[], start: number, guard: HeadersGuard): Headers {
  const list: string[] = [];
  for (let index = start; index + 1 < lines.length; index += 2) {
    list.push((lines[index] ?? '').toLowerCase(), lines[index + 1] ?? '');
  }
  return headersFromList(list, guard);
}
