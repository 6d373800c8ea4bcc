import { type AbortSignal, createSignal, fireSignal } from './abort.js';
import { Body, type BodyInit, type BodySource, readBodyInit, takeBody, teeBody } from './body.js';
import { Headers, type HeadersInit } from './headers.js';
import { URL } from './url.js';
import { defineInterface } from './webidl.js';

export interface RequestInit {
  method?: string;
  headers?: HeadersInit;
  body?: BodyInit | null;
  redirect?: RequestRedirect;
  signal?: AbortSignal | null;
  duplex?: 'half';
}

type RequestRedirect = 'follow' | 'error' | 'manual';

/** A request made by the host: nothing to check, the signal only when somebody looks at it. */
export class RequestParts {
  constructor(
    readonly method: string,
    readonly url: string,
    readonly headers: () => Headers,
    readonly source: BodySource,
    readonly signal: () => AbortSignal,
    readonly redirect: RequestRedirect = 'follow',
  ) {}
}

const tokenPattern = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const forbiddenMethods = new Set(['CONNECT', 'TRACE', 'TRACK']);
const normalizedMethods = new Set(['DELETE', 'GET', 'HEAD', 'OPTIONS', 'POST', 'PUT']);

/** Fetch §5.4. Members about pages, caches and credentials of a browser are constant. */
export class Request extends Body {
  readonly #parts: RequestParts;
  #headers: Headers | undefined;
  #signal: AbortSignal | undefined;

  constructor(input: RequestParts | Request | { toString(): string }, init: RequestInit = {}) {
    const parts = input instanceof RequestParts ? input : partsOf(input, init);
    super(parts.source);
    this.#parts = parts;
  }

  get method(): string {
    return this.#parts.method;
  }

  get url(): string {
    return this.#parts.url;
  }

  override get headers(): Headers {
    this.#headers ??= this.#parts.headers();
    return this.#headers;
  }

  get signal(): AbortSignal {
    this.#signal ??= this.#parts.signal();
    return this.#signal;
  }

  get redirect(): RequestRedirect {
    return this.#parts.redirect;
  }

  get duplex(): string {
    return 'half';
  }

  get mode(): string {
    return 'cors';
  }

  get credentials(): string {
    return 'same-origin';
  }

  get cache(): string {
    return 'default';
  }

  get referrer(): string {
    return 'about:client';
  }

  clone(): Request {
    const { method, url, redirect } = this.#parts;
    const headers = new Headers(this.headers);
    return new Request(
      new RequestParts(
        method,
        url,
        () => headers,
        teeBody(this),
        () => this.signal,
        redirect,
      ),
    );
  }
}

defineInterface(Request, 'Request', { constructor: 1 });

function partsOf(input: Request | { toString(): string }, init: RequestInit): RequestParts {
  const from = input instanceof Request ? input : undefined;
  const url = from === undefined ? requestUrl(String(input)) : from.url;
  const method = init.method === undefined ? (from?.method ?? 'GET') : normalMethod(init.method);
  const redirect = redirectOf(init.redirect ?? from?.redirect ?? 'follow');
  const headers = new Headers(init.headers ?? from?.headers);
  const [given, contentType] = readBodyInit(init.body);
  const source = init.body === undefined || init.body === null ? inheritedBody(from) : given;
  if (source !== null && (method === 'GET' || method === 'HEAD')) {
    throw new TypeError(`a ${method} request has no body`);
  }
  if (contentType !== null && !headers.has('content-type')) headers.set('content-type', contentType);
  const followed = init.signal === undefined ? from?.signal : init.signal;
  return new RequestParts(
    method,
    url,
    () => headers,
    source,
    () => following(followed ?? undefined),
    redirect,
  );
}

/** Making a request out of another takes the other's body, unless a new one is given (Fetch §5.4). */
function inheritedBody(from: Request | undefined): BodySource {
  return from === undefined ? null : takeBody(from);
}

function following(signal: AbortSignal | undefined): AbortSignal {
  const own = createSignal();
  if (signal?.aborted === true) fireSignal(own, signal.reason);
  else signal?.addEventListener('abort', () => fireSignal(own, signal.reason), { once: true });
  return own;
}

function requestUrl(text: string): string {
  const url = new URL(text);
  if (url.username !== '' || url.password !== '')
    throw new TypeError('a request URL holds no user or password');
  return url.href;
}

function normalMethod(method: string): string {
  const text = String(method);
  if (!tokenPattern.test(text)) throw new TypeError('not a request method');
  const upper = text.toUpperCase();
  if (forbiddenMethods.has(upper)) throw new TypeError(`the method ${upper} is not allowed`);
  return normalizedMethods.has(upper) ? upper : text;
}

function redirectOf(value: string): RequestRedirect {
  if (value === 'follow' || value === 'error' || value === 'manual') return value;
  throw new TypeError('redirect is follow, error or manual');
}
