import { host } from './host.js';
import { defineInterface, needArguments } from './webidl.js';
import { linkParams, refillParams, URLSearchParams } from './url-search-params.js';

/** Order of the component lines that the host answers with. */
const components = [
  'href',
  'origin',
  'protocol',
  'username',
  'password',
  'host',
  'hostname',
  'port',
  'pathname',
  'search',
  'hash',
] as const;

type Component = (typeof components)[number];

/** Lower-case names whose last label starts with a letter (never a number in disguise), or the loopback address. */
const plainHost = String.raw`((?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)*[a-z](?:[a-z0-9-]*[a-z0-9])?|127\.0\.0\.1)`;
const plainPath = String.raw`(\/[A-Za-z0-9\-._~!$&()*+,;=:@%/]*)`;
const plainQuery = String.raw`(\?[A-Za-z0-9\-._~!$&()*+,;=:@%/?]+)?`;

/**
 * URLs that the parser would leave as they are, most of all those of requests: their parts are cut out here and
 * the host is not asked. Whatever this is not sure of goes the long way: dots that begin a path segment, escaped
 * dots, international names, standard ports, fragments, credentials.
 */
const plainUrl = new RegExp(`^(https?:)\\/\\/${plainHost}(?::([1-9][0-9]{0,3}))?${plainPath}${plainQuery}$`);
const notPlain = /\/\.|%2e|xn--/i;

function cutPlainUrl(href: string): string[] | undefined {
  const match = plainUrl.exec(href);
  if (match === null || notPlain.test(href)) return undefined;
  const [, protocol = '', hostname = '', port = '', pathname = '', search = ''] = match;
  if (port === '80' || port === '443') return undefined;
  const host = port === '' ? hostname : `${hostname}:${port}`;
  return [href, `${protocol}//${host}`, protocol, '', '', host, hostname, port, pathname, search, ''];
}

/** URL §6.1. Parsing is done by the host's own parser, which follows the standard to the letter. */
export class URL {
  #parts: string[];
  #params: URLSearchParams | undefined;

  constructor(url: unknown, base?: unknown) {
    needArguments(arguments.length, 1, 'URL');
    const parts = parse(url, base);
    if (parts === undefined) throw new TypeError('Invalid URL');
    this.#parts = parts;
  }

  static canParse(url: unknown, base?: unknown): boolean {
    return parse(url, base) !== undefined;
  }

  static parse(url: unknown, base?: unknown): URL | null {
    const parts = parse(url, base);
    if (parts === undefined) return null;
    const parsed = new URL('http://localhost/');
    parsed.#parts = parts;
    return parsed;
  }

  get href(): string {
    return this.#get('href');
  }
  set href(value: string) {
    const parts = parse(value, undefined);
    if (parts === undefined) throw new TypeError('Invalid URL');
    this.#become(parts);
  }

  get origin(): string {
    return this.#get('origin');
  }

  get protocol(): string {
    return this.#get('protocol');
  }
  set protocol(value: string) {
    this.#set('protocol', value);
  }

  get username(): string {
    return this.#get('username');
  }
  set username(value: string) {
    this.#set('username', value);
  }

  get password(): string {
    return this.#get('password');
  }
  set password(value: string) {
    this.#set('password', value);
  }

  get host(): string {
    return this.#get('host');
  }
  set host(value: string) {
    this.#set('host', value);
  }

  get hostname(): string {
    return this.#get('hostname');
  }
  set hostname(value: string) {
    this.#set('hostname', value);
  }

  get port(): string {
    return this.#get('port');
  }
  set port(value: string) {
    this.#set('port', value);
  }

  get pathname(): string {
    return this.#get('pathname');
  }
  set pathname(value: string) {
    this.#set('pathname', value);
  }

  get search(): string {
    return this.#get('search');
  }
  set search(value: string) {
    this.#set('search', value);
  }

  get hash(): string {
    return this.#get('hash');
  }
  set hash(value: string) {
    this.#set('hash', value);
  }

  get searchParams(): URLSearchParams {
    if (this.#params === undefined) {
      this.#params = new URLSearchParams(this.search);
      linkParams(this.#params, (query) => {
        this.#parts = change(this.#parts, 'search', query);
      });
    }
    return this.#params;
  }

  toString(): string {
    return this.#get('href');
  }

  toJSON(): string {
    return this.#get('href');
  }

  #get(component: Component): string {
    return this.#parts[components.indexOf(component)] ?? '';
  }

  #set(component: Component, value: unknown): void {
    this.#become(change(this.#parts, component, String(value)));
  }

  #become(parts: string[]): void {
    this.#parts = parts;
    if (this.#params !== undefined) refillParams(this.#params, this.search.slice(1));
  }
}

defineInterface(URL, 'URL', { constructor: 1, canParse: 1, parse: 1 });

function parse(url: unknown, base: unknown): string[] | undefined {
  const hasBase = base !== undefined;
  const text = String(url);
  const plain = hasBase ? undefined : cutPlainUrl(text);
  if (plain !== undefined) return plain;
  const answer = host().url(hasBase ? 'resolve' : 'parse', text, hasBase ? String(base) : '');
  return answer === '' ? undefined : answer.split('\n');
}

function change(parts: string[], component: Component, value: string): string[] {
  const answer = host().url(component, parts[0] ?? '', value);
  return answer === '' ? parts : answer.split('\n');
}
