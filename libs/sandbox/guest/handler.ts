import { type BodySource, type ReadableStream, takeBody } from './body.js';
import { Call, calls } from './calls.js';
import { logger } from './console.js';
import { enterAs } from './current.js';
import { headersFromLines, headersText } from './headers.js';
import { scheduledEvent, TopicMessage } from './incoming-events.js';
import { guestCaps, host } from './host.js';
import { exactBuffer } from './ops.js';
import { Request, RequestParts } from './request.js';
import { Response } from './response.js';
import { breachCode } from './limits.js';
import { isStream, takeRemote } from './streams.js';
import { incomingBody } from './incoming-body.js';
import { segments } from './segments.js';
import { describeError } from './text.js';
import type { WebSocket } from './web-socket.js';

type Handle = (input: unknown, env: object, ctx: object) => unknown;

const handlerNames = ['fetch', 'scheduled', 'message'] as const;

let handler: (Partial<Record<(typeof handlerNames)[number], Handle>> & { readonly self: object }) | undefined;
let env: object = {};
let installation: object = {};

/** @returns why the module cannot be used, `''` where it can */
export function attachHandler(exported: unknown, guestEnv: object, guestInstallation: object): string {
  if (typeof exported !== 'object' || exported === null) {
    return 'The main module has no default export that is an object with a fetch method.';
  }
  const found = handlerNames
    .map((name) => [name, Reflect.get(exported, name) as unknown] as const)
    .filter((pair): pair is [(typeof handlerNames)[number], Handle] => typeof pair[1] === 'function');
  if (found.length === 0) {
    return 'The default export of the main module has no fetch method, and none named scheduled or message.';
  }
  handler = { self: exported, ...Object.fromEntries(found) };
  env = guestEnv;
  installation = guestInstallation;
  return '';
}

/** Starts one call. Head: lines of method, URL, user as JSON, trace id, then header names and values. */
export function startCall(
  id: number,
  head: string,
  body: ArrayBuffer | undefined,
  isStreaming: boolean,
): void {
  const lines = head.split('\n');
  const [method = 'GET', url = '', userJson = '{}', traceId = ''] = lines;
  const call = new Call(id, userJson, traceId);
  calls.set(id, call);
  enterAs(call);
  if (method.startsWith('@')) {
    startEvent(call, method, lines[5] ?? '', new Uint8Array(body ?? new ArrayBuffer(0)));
    return;
  }
  const source: BodySource = isStreaming
    ? incomingBody(call)
    : body === undefined
      ? null
      : new Uint8Array(body);
  const headers = (): ReturnType<typeof headersFromLines> => headersFromLines(lines, 4, 'none');
  const request = new Request(new RequestParts(method, url, headers, source, () => call.signal));
  try {
    if (handler?.fetch === undefined) {
      fail(call, 'handler-missing', 'The proxylet answers no requests: it has no fetch handler.');
      return;
    }
    const result: unknown = Reflect.apply(handler.fetch, handler.self, [request, env, new Context(call)]);
    // An answer at hand goes out in this very entry, without a turn of the microtask queue.
    if (result instanceof Response) send(call, result);
    else void answer(call, result);
  } catch (error) {
    failWith(call, error);
  }
}

/** Methods that no HTTP request can have name the events (`src/host/event-request.ts`). */
function startEvent(call: Call, method: string, json: string, body: Uint8Array): void {
  const name = method === '@message' ? 'message' : 'scheduled';
  const handle = handler?.[name];
  if (handler === undefined || handle === undefined) {
    fail(call, 'handler-missing', `The proxylet has no ${name} handler.`);
    return;
  }
  call.atLast = () => host().respond(call.id, '204', undefined, 2);
  const event = name === 'message' ? new TopicMessage(json, body) : scheduledEvent(json);
  void handleEvent(call, () => Reflect.apply(handle, handler?.self, [event, env, new Context(call)]));
}

async function handleEvent(call: Call, run: () => unknown): Promise<void> {
  try {
    await run();
    call.finishWork(true);
  } catch (error) {
    failWith(call, error);
  }
}

async function answer(call: Call, pending: unknown): Promise<void> {
  try {
    const result: unknown = await pending;
    enterAs(call);
    send(call, result);
  } catch (error) {
    failWith(call, error);
  }
}

function send(call: Call, response: unknown): void {
  if (!(response instanceof Response)) {
    fail(call, 'proxylet-bad-response', `The handler returned ${nameOf(response)} in place of a Response.`);
    return;
  }
  if (response.type === 'error') {
    fail(call, 'proxylet-bad-response', 'The handler returned an error response.');
    return;
  }
  const headers = headersText(response.headers);
  const head = headers === '' ? String(response.status) : `${response.status}\n${headers}`;
  if (response.webSocket !== null) {
    openSocket(call, head, response.webSocket);
    return;
  }
  const source = takeBody(response);
  if (!isStream(source)) {
    const body = typeof source === 'string' || source === null ? (source ?? undefined) : exactBuffer(source);
    const isLast = call.finishWork(false);
    host().respond(call.id, head, body, isLast ? 2 : 0);
    return;
  }
  const remote = takeRemote(source);
  if (remote !== undefined) {
    remote.handedOver(() => call.finishWork(true));
    host().respondFrom(call.id, head, remote.from);
    return;
  }
  host().respond(call.id, head, undefined, 1);
  void pump(call, source);
}

/** The call goes on until the connection is over. */
function openSocket(call: Call, head: string, end: WebSocket): void {
  const { connect, receive, written } = segments.webSocket.get();
  const begin = connect(end, call, () => call.finishWork(true));
  call.socket = {
    message: (data) => receive(end, data),
    closed: (code, reason) => receive(end, { code, reason, wasClean: code !== 1006 }),
    written: (bytes) => written(end, bytes),
  };
  host().respond(call.id, head, undefined, 3);
  begin();
}

const chunkBytes = 64 * 1024;

/** Sends a stream as far as the reader at the other end has room. */
async function pump(call: Call, stream: ReadableStream): Promise<void> {
  const reader = stream.getReader();
  call.signal.addEventListener('abort', () => {
    reader.cancel(call.signal.reason).catch(() => undefined);
  });
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (call.isAborted) break;
      if (done) {
        host().end(call.id);
        break;
      }
      if (!(value instanceof Uint8Array))
        throw new TypeError('a body stream may hold Uint8Array chunks only');
      await sendChunk(call, value);
    }
  } catch (error) {
    host().abort(call.id, reasonOf(error));
  }
  call.finishWork(true);
}

async function sendChunk(call: Call, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.byteLength && !call.isAborted; at += chunkBytes) {
    const part = bytes.subarray(at, at + chunkBytes);
    while (call.responseCredit <= 0 && !call.isAborted) {
      await new Promise<void>((resolve) => {
        call.onCredit = resolve;
      });
    }
    call.responseCredit -= part.byteLength;
    host().chunk(call.id, exactBuffer(part));
  }
}

const log = logger();

/** The third argument of the handler. */
class Context {
  readonly #call: Call;

  constructor(call: Call) {
    this.#call = call;
  }

  get user(): unknown {
    return JSON.parse(this.#call.userJson);
  }

  get installation(): object {
    return installation;
  }

  get log(): object {
    return log;
  }

  get traceId(): string {
    return this.#call.traceId;
  }

  get signal(): unknown {
    return this.#call.signal;
  }

  waitUntil(work: unknown): void {
    const call = this.#call;
    call.openWork += 1;
    Promise.resolve(work)
      .catch((error: unknown) => call.log('error', `waitUntil: ${reasonOf(error)}`))
      .finally(() => call.finishWork(true))
      .catch(() => undefined);
  }
}

function failWith(call: Call, error: unknown): void {
  // Nobody waits for the answer, and what was under way was stopped: its end is no fault of the guest.
  if (call.isAborted) return;
  const { name, message, stack } = describeError(
    error,
    guestCaps.errorMessageChars,
    guestCaps.errorStackChars,
  );
  call.log('error', stack === '' ? `Uncaught ${name}: ${message}` : `Uncaught ${stack}`);
  fail(call, breachCode(error) ?? 'proxylet-threw', `${name}: ${message}`);
}

function fail(call: Call, code: string, detail: string): void {
  call.atLast = undefined;
  host().fail(call.id, code, detail);
  call.finishWork(true);
}

function reasonOf(error: unknown): string {
  const { name, message } = describeError(error, guestCaps.errorMessageChars, 0);
  return `${name}: ${message}`;
}

function nameOf(value: unknown): string {
  if (value === null) return 'null';
  if (typeof value !== 'object') return typeof value;
  return Array.isArray(value) ? 'an array' : 'an object';
}
