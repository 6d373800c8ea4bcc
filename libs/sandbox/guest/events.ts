import { DOMException } from './dom-exception.js';
import { Event, eventState, markTrusted } from './event.js';
import { defineInterface, toDictionary } from './webidl.js';

export { CustomEvent, Event, type EventInit, markTrusted } from './event.js';

type EventListener = ((event: Event) => unknown) | { handleEvent(event: Event): unknown };

interface Listener {
  readonly type: string;
  readonly callback: EventListener;
  readonly capture: boolean;
  readonly once: boolean;
  readonly passive: boolean;
  isRemoved: boolean;
  readonly remove: () => void;
}

interface ListenerOptions {
  capture?: boolean;
  once?: boolean;
  passive?: boolean;
  signal?: EventTarget & { readonly aborted: boolean };
}

/** Errors of listeners do not reach the dispatcher (DOM §2.10); they are reported here. */
let report: (error: unknown) => void = () => undefined;

export function setErrorReporter(reporter: (error: unknown) => void): void {
  report = reporter;
}

export function reportException(error: unknown): void {
  report(error);
}

let shownAs: (target: EventTarget) => object;
/** Lets a target stand for another object: the global is no instance of `EventTarget`. */
export let showAs: (target: EventTarget, shown: object) => void;
let isSignal: (value: unknown) => boolean = () => false;

export function setSignalCheck(check: (value: unknown) => boolean): void {
  isSignal = check;
}

/** DOM §2.7. */
export class EventTarget {
  #listeners: Listener[] = [];
  #shown: object | undefined;

  addEventListener(type: string, callback: EventListener | null, options?: boolean | ListenerOptions): void {
    const { capture, once, passive, signal } = optionsOf(options);
    if (signal !== undefined && !isSignal(signal)) throw new TypeError('signal is an AbortSignal');
    const listeners = this.#listeners;
    if (!isListener(callback) || (signal as { aborted?: boolean } | undefined)?.aborted === true) return;
    const name = String(type);
    const exists = listeners.some(
      (known) => known.type === name && known.callback === callback && known.capture === capture,
    );
    if (exists) return;
    const listener: Listener = {
      type: name,
      callback,
      capture,
      once,
      passive,
      isRemoved: false,
      remove: () => {
        listener.isRemoved = true;
        this.#listeners = this.#listeners.filter((known) => known !== listener);
      },
    };
    this.#listeners = [...listeners, listener];
    (signal as EventTarget | undefined)?.addEventListener('abort', listener.remove, { once: true });
  }

  removeEventListener(
    type: string,
    callback: EventListener | null,
    options?: boolean | ListenerOptions,
  ): void {
    const capture =
      typeof options === 'object' || typeof options === 'function'
        ? Boolean(toDictionary(options, 'removeEventListener')['capture'])
        : Boolean(options);
    const name = String(type);
    if (!isListener(callback)) return;
    const found = this.#listeners.find(
      (known) => known.type === name && known.callback === callback && known.capture === capture,
    );
    found?.remove();
  }

  dispatchEvent(event: Event): boolean {
    if (!(event instanceof Event)) throw new TypeError('dispatchEvent takes an Event');
    return this.#dispatch(event);
  }

  #dispatch(event: Event): boolean {
    const state = eventState(event);
    if (state.isDispatching) {
      throw new DOMException('The event is already being dispatched', 'InvalidStateError');
    }
    const target = shownAs(this);
    const { type } = event;
    state.isDispatching = true;
    state.target = target;
    state.currentTarget = target;
    if (!state.isStopped) {
      const heard = this.#listeners.filter((listener) => listener.type === type);
      // Without a tree the capturing and the bubbling phase meet at the target, capturing first.
      for (const capture of [true, false]) {
        if (state.isStopped) break;
        callListeners(heard, capture, event, target);
      }
    }
    state.isDispatching = false;
    state.currentTarget = null;
    state.isStopped = false;
    state.isStoppedAtOnce = false;
    return !state.isCanceled;
  }

  static {
    shownAs = (target) => target.#shown ?? target;
    showAs = (target, shown) => {
      target.#shown = shown;
    };
  }
}

defineInterface(EventTarget, 'EventTarget', {
  addEventListener: 2,
  removeEventListener: 2,
  dispatchEvent: 1,
});

function isListener(callback: unknown): callback is EventListener {
  if (callback === null || callback === undefined) return false;
  if (typeof callback !== 'function' && typeof callback !== 'object') {
    throw new TypeError('a listener is a function or an object');
  }
  return true;
}

function optionsOf(options: unknown): {
  capture: boolean;
  once: boolean;
  passive: boolean;
  signal: unknown;
} {
  if (typeof options !== 'object' && typeof options !== 'function') {
    return { capture: Boolean(options), once: false, passive: false, signal: undefined };
  }
  const { capture, once, passive, signal } = toDictionary(options, 'addEventListener');
  return { capture: Boolean(capture), once: Boolean(once), passive: Boolean(passive), signal };
}

function callListeners(heard: readonly Listener[], capture: boolean, event: Event, target: object): void {
  const state = eventState(event);
  for (const listener of heard) {
    if (listener.capture !== capture || listener.isRemoved) continue;
    if (listener.once) listener.remove();
    state.inPassiveListener = listener.passive;
    try {
      const { callback } = listener;
      if (typeof callback === 'function') Reflect.apply(callback, target, [event]);
      else callHandleEvent(callback, event);
    } catch (error) {
      report(error);
    }
    state.inPassiveListener = false;
    if (state.isStoppedAtOnce) return;
  }
}

function callHandleEvent(callback: { handleEvent(event: Event): unknown }, event: Event): void {
  const { handleEvent } = callback;
  if (typeof handleEvent !== 'function') throw new TypeError('handleEvent is not a function');
  Reflect.apply(handleEvent, callback, [event]);
}

/** Dispatches an event of the platform itself. */
export function fire(target: EventTarget, event: Event): boolean {
  markTrusted(event);
  return target.dispatchEvent(event);
}

type Handler = (this: object, ...args: unknown[]) => unknown;

/**
 * Defines `on<type>` (HTML §8.1.8): the last function set is called with each event of that type, at the place where
 * the first was set. `call` tells how, where an event's handler takes other arguments.
 */
export function defineHandler(
  holder: object,
  type: string,
  targetOf: (self: unknown) => EventTarget,
  call: (handler: Handler, target: object, event: Event) => void = callHandler,
): void {
  const handlers = new WeakMap<EventTarget, Handler | null>();
  const wired = new WeakSet<EventTarget>();
  const accessors = {
    get [`on${type}`](): unknown {
      return handlers.get(targetOf(this)) ?? null;
    },
    set [`on${type}`](value: unknown) {
      const target = targetOf(this);
      handlers.set(target, typeof value === 'function' ? (value as Handler) : null);
      if (wired.has(target)) return;
      wired.add(target);
      target.addEventListener(type, (event) => {
        const handler = handlers.get(target) ?? null;
        if (handler !== null) call(handler, shownAs(target), event);
      });
    },
  };
  const descriptor = Object.getOwnPropertyDescriptor(accessors, `on${type}`);
  if (descriptor !== undefined) Object.defineProperty(holder, `on${type}`, descriptor);
}

function callHandler(handler: Handler, target: object, event: Event): void {
  if (Reflect.apply(handler, target, [event]) === false) event.preventDefault();
}
