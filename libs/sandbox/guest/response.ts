import { Body, type BodyInit, type BodySource, readBodyInit, teeBody } from './body.js';
import { Headers, headersFromList, type HeadersInit } from './headers.js';
import { segments } from './segments.js';
import { URL } from './url.js';
import type { WebSocket } from './web-socket.js';
import { defineInterface } from './webidl.js';

export interface ResponseInit {
  status?: number;
  statusText?: string;
  headers?: HeadersInit;
  webSocket?: WebSocket | null;
}

/** A response made by the host. */
export class ResponseParts {
  constructor(
    readonly status: number,
    readonly statusText: string,
    readonly headers: Headers,
    readonly source: BodySource,
    readonly url = '',
    readonly redirected = false,
    readonly type: 'default' | 'basic' | 'error' = 'default',
    readonly webSocket: WebSocket | null = null,
  ) {}
}

const nullBodyStatus = new Set([101, 204, 205, 304]);
const redirectStatus = new Set([301, 302, 303, 307, 308]);
const reasonPattern = /^[\t\u0020-\u007e\u0080-\u00ff]*$/;

/** Fetch §5.5. */
export class Response extends Body {
  readonly #parts: ResponseParts;

  constructor(body?: BodyInit | null | ResponseParts, init: ResponseInit = {}) {
    const parts = body instanceof ResponseParts ? body : partsOf(body, init);
    super(parts.source);
    this.#parts = parts;
  }

  get status(): number {
    return this.#parts.status;
  }

  get statusText(): string {
    return this.#parts.statusText;
  }

  override get headers(): Headers {
    return this.#parts.headers;
  }

  get ok(): boolean {
    return this.#parts.status >= 200 && this.#parts.status <= 299;
  }

  get url(): string {
    return this.#parts.url;
  }

  get redirected(): boolean {
    return this.#parts.redirected;
  }

  get type(): string {
    return this.#parts.type;
  }

  /** The client's end of a `WebSocketPair`, of an answer 101. */
  get webSocket(): WebSocket | null {
    return this.#parts.webSocket;
  }

  clone(): Response {
    if (this.webSocket !== null) throw new TypeError('an answer with a WebSocket cannot be cloned');
    const { status, statusText, headers, url, redirected, type } = this.#parts;
    return new Response(
      new ResponseParts(status, statusText, new Headers(headers), teeBody(this), url, redirected, type),
    );
  }

  static error(): Response {
    return new Response(new ResponseParts(0, '', headersFromList([], 'immutable'), null, '', false, 'error'));
  }

  static json(data: unknown, init: ResponseInit = {}): Response {
    const text = JSON.stringify(data);
    if (text === undefined) throw new TypeError('the value has no JSON form');
    return new Response(partsOf(text, init, 'application/json'));
  }

  static redirect(url: string, status = 302): Response {
    if (!redirectStatus.has(status)) throw new RangeError('not a redirect status');
    const { href } = new URL(String(url));
    return new Response(
      new ResponseParts(status, '', headersFromList(['location', href], 'immutable'), null),
    );
  }
}

defineInterface(Response, 'Response', { constructor: 0, json: 1, redirect: 1 });

function partsOf(body: BodyInit | null | undefined, init: ResponseInit, jsonType?: string): ResponseParts {
  const status = init.status === undefined ? 200 : Math.trunc(Number(init.status));
  const webSocket = socketOf(init, status);
  if (!(status >= 200 && status <= 599) && webSocket === null) {
    throw new RangeError('the status lies outside 200 to 599');
  }
  const statusText = init.statusText === undefined ? '' : String(init.statusText);
  if (!reasonPattern.test(statusText))
    throw new TypeError('statusText holds a character that is not allowed');
  const headers = new Headers(init.headers);
  const [source, impliedType] = readBodyInit(body);
  const contentType = jsonType ?? impliedType;
  if (source !== null && nullBodyStatus.has(status)) throw new TypeError(`a response ${status} has no body`);
  if (contentType !== null && !headers.has('content-type')) headers.set('content-type', contentType);
  return new ResponseParts(status, statusText, headers, source, '', false, 'default', webSocket);
}

function socketOf({ webSocket }: ResponseInit, status: number): WebSocket | null {
  if (webSocket === undefined || webSocket === null) return null;
  const made = segments.webSocket.peek();
  if (made === undefined || !(webSocket instanceof made.WebSocket))
    throw new TypeError('webSocket is no WebSocket');
  if (status !== 101) throw new RangeError('an answer with a WebSocket has the status 101');
  return webSocket;
}
