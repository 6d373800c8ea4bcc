import { AbortController, AbortSignal } from './abort.js';
import { atob, btoa } from './base64.js';
import { calls } from './calls.js';
import { refuseCloning, structuredClone } from './clone.js';
import { console } from './console.js';
import { enterAs } from './current.js';
import { DOMException } from './dom-exception.js';
import { ErrorEvent, PromiseRejectionEvent } from './error-events.js';
import { CustomEvent, Event, EventTarget, setErrorReporter } from './events.js';
import { dependency, fetch } from './fetch.js';
import { defineGlobalEvents, reportRejection, reportToListeners } from './global-events.js';
import { attachHandler, startCall } from './handler.js';
import { harden } from './harden.js';
import { Headers } from './headers.js';
import { guestCaps, type Host, host, setHost } from './host.js';
import { kv } from './kv.js';
import { segments } from './segments.js';
import { topics } from './topics.js';
import { defineLazyGlobals } from './lazy-globals.js';
import { opEntries } from './ops.js';
import { Request } from './request.js';
import { Response } from './response.js';
import { describeError } from './text.js';
import { clearTimer, fireTimer, setInterval, setTimeout } from './timers.js';
import { URL } from './url.js';
import { URLSearchParams } from './url-search-params.js';
import { type Natives, tameWebAssembly } from './wasm/web-assembly.js';
import { needArguments } from './webidl.js';

/** Kinds of entry from outside; the runner's list is the same (`src/runner/cell-entries.ts`). */
const entries: readonly ((id: number, a: never, b: never, c: never) => unknown)[] = [
  (id, head: string, body: ArrayBuffer | undefined, isStreaming: boolean) =>
    startCall(id, head, body, isStreaming),
  (id, bytes: ArrayBuffer) => forCall(id, (call) => call.requestBody?.push(new Uint8Array(bytes))),
  (id) => forCall(id, (call) => call.requestBody?.end()),
  (id, reason: string) => forCall(id, (call) => call.requestBody?.abort(reason)),
  (id, bytes: number) =>
    forCall(id, (call) => {
      call.responseCredit += bytes;
      call.onCredit?.();
    }),
  (id, reason: string) => forCall(id, (call) => call.abort(reason)),
  (id, text: string, bytes: ArrayBuffer | undefined, isStreaming: boolean) =>
    opEntries.result(id, text, bytes, isStreaming),
  (id, text: string) => opEntries.error(id, text),
  (id, bytes: ArrayBuffer) => opEntries.body(id, bytes),
  (id) => opEntries.end(id),
  (id) => fireTimer(id),
  (id, text: string) => rejected(id, text),
  (id, bytes: number) => opEntries.uploadCredit(id, bytes),
  (id, data: string | ArrayBuffer) => forCall(id, (call) => call.socket?.message(data)),
  (id, code: number, reason: string) => forCall(id, (call) => call.socket?.closed(code, reason)),
  (id, bytes: number) => forCall(id, (call) => call.socket?.written(bytes)),
];

function forCall(id: number, act: (call: NonNullable<ReturnType<typeof calls.get>>) => void): void {
  const call = calls.get(id);
  if (call === undefined) return;
  enterAs(call);
  act(call);
}

/** The one way in. Nothing thrown by guest code leaves through it: the runner must never copy a guest's error. */
function enter(kind: number, id: number, a: unknown, b: unknown, c: unknown): void {
  try {
    entries[kind]?.(id, a as never, b as never, c as never);
  } catch (error) {
    report(error);
  }
}

/** A rejection that nobody handled, as the runner heard of it. */
function rejected(id: number, text: string): void {
  enterAs(calls.get(id));
  if (reportRejection(text)) host().log(id, 'error', `Unhandled rejection: ${text}`);
}

function report(error: unknown): void {
  if (!reportToListeners(error)) return;
  const { name, message, stack } = describeError(
    error,
    guestCaps.errorMessageChars,
    guestCaps.errorStackChars,
  );
  host().log(0, 'error', stack === '' ? `Uncaught ${name}: ${message}` : `Uncaught ${stack}`);
}

/** Makes the handler of the evaluated module the guest's; environment and identity come as JSON. */
function attach(exported: unknown, environmentJson: string): string {
  const { config, secrets, hasKv, hasTopics, hasCache, dependencies, installation } = JSON.parse(
    environmentJson,
  ) as Environment;
  const env = {
    CONFIG: deepFreeze(config),
    SECRETS: Object.freeze(secrets),
    ...(hasKv ? { KV: kv } : {}),
    ...(hasTopics ? { TOPICS: topics } : {}),
    ...Object.fromEntries(dependencies.map((binding) => [binding, dependency(binding)])),
  };
  if (hasCache) {
    Object.defineProperty(env, 'CACHE', { get: defaultCache, enumerable: true });
  }
  return attachHandler(exported, Object.freeze(env), Object.freeze(installation));
}

/** Made when somebody first reads it. */
function defaultCache(): object {
  return segments.cache.get().defaultCache;
}

interface Environment {
  readonly config: unknown;
  readonly secrets: Record<string, string>;
  readonly hasKv: boolean;
  readonly hasTopics: boolean;
  readonly hasCache: boolean;
  readonly dependencies: readonly string[];
  readonly installation: object;
}

function deepFreeze(value: unknown): unknown {
  if (typeof value === 'object' && value !== null) {
    for (const held of Object.values(value)) deepFreeze(held);
    Object.freeze(value);
  }
  return value;
}

function defineGlobals(global: Record<string, unknown>): void {
  const values: Record<string, unknown> = {
    self: global,
    AbortController,
    AbortSignal,
    CustomEvent,
    DOMException,
    ErrorEvent,
    Event,
    EventTarget,
    Headers,
    PromiseRejectionEvent,
    Request,
    Response,
    URL,
    URLSearchParams,
    atob,
    btoa,
    clearInterval: clearTimer,
    clearTimeout: clearTimer,
    console,
    fetch,
    queueMicrotask,
    setInterval,
    setTimeout,
    structuredClone,
    navigator: Object.freeze({ userAgent: 'Proxylet/1' }),
    reportError,
  };
  for (const [name, value] of Object.entries(values)) {
    // The bundler gives functions names of its own.
    if (typeof value === 'function')
      Object.defineProperty(value, 'name', { value: name, configurable: true });
    Object.defineProperty(global, name, { value, writable: true, configurable: true, enumerable: false });
  }
}

function reportError(error: unknown): void {
  needArguments(arguments.length, 1, 'reportError');
  report(error);
}

function queueMicrotask(callback: unknown): void {
  if (typeof callback !== 'function') throw new TypeError('queueMicrotask takes a function');
  void runLater(callback as () => unknown);
}

async function runLater(callback: () => unknown): Promise<void> {
  await Promise.resolve();
  try {
    callback();
  } catch (error) {
    report(error);
  }
}

/** The part of the native module that the prelude uses; it must never reach guest code (isolates.md R14). */
interface NativeModule {
  readonly ExternalCopy: new (
    value: unknown,
    options: { transferList: readonly ArrayBuffer[] },
  ) => { copy(options: { transferIn: boolean }): unknown };
}

/**
 * Called once by the runner, which then takes it off the global. `names` are the members of `Host`, in the order
 * of the functions that follow.
 */
function boot(
  { ExternalCopy }: NativeModule,
  names: string,
  ...functions: readonly unknown[]
): { enter: typeof enter; attach: typeof attach } {
  const table = Object.fromEntries(names.split(' ').map((name, index) => [name, functions[index]]));
  const clone: Host['clone'] = (value, transfer) =>
    new ExternalCopy(value, { transferList: transfer }).copy({ transferIn: transfer.length > 0 });
  const { nowMs } = table as unknown as Host;
  setHost({ ...table, clone, startedMs: nowMs() } as unknown as Host);
  setErrorReporter(report);
  const global = globalThis as unknown as Record<string, unknown>;
  const natives: Natives = { WebAssembly, WeakRef, gc: global['gc'] as () => void };
  harden(global);
  defineGlobals(global);
  defineGlobalEvents(global);
  defineLazyGlobals(global);
  const { wasmPages } = host();
  if (wasmPages !== undefined) {
    // Now: what it takes of the platform must not be what a guest has put there.
    const value = tameWebAssembly(natives, wasmPages);
    Object.defineProperty(global, 'WebAssembly', {
      value,
      writable: true,
      configurable: true,
      enumerable: false,
    });
  }
  refuseCloning(URL, URLSearchParams, Headers, Request, Response, Event, EventTarget);
  return { enter, attach };
}

(globalThis as unknown as Record<string, unknown>)['__proxyletBoot'] = boot;
