import { TextDecoder, TextEncoder } from '@exodus/bytes/encoding-lite.js';
import { AbortController, AbortSignal } from './abort.js';
import { atob, btoa } from './base64.js';
import { Blob, File } from './blob.js';
import { calls } from './calls.js';
import { console } from './console.js';
import { Crypto } from './crypto.js';
import { enterAs } from './current.js';
import { DOMException } from './dom-exception.js';
import { CustomEvent, Event, EventTarget, setErrorReporter } from './events.js';
import { dependency, fetch } from './fetch.js';
import { FormData } from './form-data.js';
import { attachHandler, startCall } from './handler.js';
import { harden } from './harden.js';
import { Headers } from './headers.js';
import { guestCaps, type Host, host, setHost } from './host.js';
import { kv } from './kv.js';
import { opEntries } from './ops.js';
import { Request } from './request.js';
import { Response } from './response.js';
import { streams } from './streams.js';
import { describeError } from './text.js';
import { clearTimer, fireTimer, setInterval, setTimeout } from './timers.js';
import { URL } from './url.js';
import { URLSearchParams } from './url-search-params.js';

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

function report(error: unknown): void {
  const { name, message, stack } = describeError(
    error,
    guestCaps.errorMessageChars,
    guestCaps.errorStackChars,
  );
  host().log(0, 'error', stack === '' ? `Uncaught ${name}: ${message}` : `Uncaught ${stack}`);
}

/** Makes the handler of the evaluated module the guest's; environment and identity come as JSON. */
function attach(exported: unknown, environmentJson: string): string {
  const { config, secrets, hasKv, dependencies, installation } = JSON.parse(environmentJson) as Environment;
  const env = {
    CONFIG: deepFreeze(config),
    SECRETS: Object.freeze(secrets),
    ...(hasKv ? { KV: kv } : {}),
    ...Object.fromEntries(dependencies.map((binding) => [binding, dependency(binding)])),
  };
  return attachHandler(exported, Object.freeze(env), Object.freeze(installation));
}

interface Environment {
  readonly config: unknown;
  readonly secrets: Record<string, string>;
  readonly hasKv: boolean;
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
  const { isDisturbed: _, ...streamClasses } = streams();
  const values: Record<string, unknown> = {
    self: global,
    ...streamClasses,
    AbortController,
    AbortSignal,
    Blob,
    Crypto,
    CustomEvent,
    DOMException,
    Event,
    EventTarget,
    File,
    FormData,
    Headers,
    Request,
    Response,
    TextDecoder,
    TextEncoder,
    URL,
    URLSearchParams,
    atob,
    btoa,
    clearInterval: clearTimer,
    clearTimeout: clearTimer,
    console,
    crypto: new Crypto(),
    fetch,
    queueMicrotask,
    setInterval,
    setTimeout,
    structuredClone: (value: unknown): unknown => cloneOf(value),
    navigator: Object.freeze({ userAgent: 'Proxylet/1' }),
    performance: Object.freeze({ now: () => host().nowMs() - startedMs, timeOrigin: startedMs }),
    reportError: report,
  };
  for (const [name, value] of Object.entries(values)) {
    Object.defineProperty(global, name, { value, writable: true, configurable: true, enumerable: false });
  }
}

let startedMs = 0;

function cloneOf(value: unknown): unknown {
  try {
    return host().clone(value);
  } catch (error) {
    const { message } = describeError(error, guestCaps.errorMessageChars, 0);
    throw new DOMException(message, 'DataCloneError');
  }
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
  readonly ExternalCopy: new (value: unknown) => { copy(): unknown };
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
  const given = { ...table, clone: (value: unknown) => new ExternalCopy(value).copy() } as unknown as Host;
  setHost(given);
  startedMs = given.nowMs();
  setErrorReporter(report);
  const global = globalThis as unknown as Record<string, unknown>;
  harden(global);
  defineGlobals(global);
  return { enter, attach };
}

(globalThis as unknown as Record<string, unknown>)['__proxyletBoot'] = boot;
