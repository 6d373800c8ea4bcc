import { DOMException } from './dom-exception.js';

export interface EventInit {
  bubbles?: boolean;
  cancelable?: boolean;
  composed?: boolean;
}

/** DOM §2.2, without a tree: an event has one target and no path. */
export class Event {
  readonly type: string;
  readonly bubbles: boolean;
  readonly cancelable: boolean;
  readonly composed: boolean;
  readonly timeStamp: number = Date.now();
  readonly isTrusted: boolean = false;
  readonly eventPhase: number = 0;
  #target: EventTarget | null = null;
  #isPrevented = false;
  #isStopped = false;

  constructor(type: string, init: EventInit = {}) {
    this.type = String(type);
    this.bubbles = Boolean(init.bubbles);
    this.cancelable = Boolean(init.cancelable);
    this.composed = Boolean(init.composed);
  }

  get target(): EventTarget | null {
    return this.#target;
  }

  get currentTarget(): EventTarget | null {
    return this.#target;
  }

  get defaultPrevented(): boolean {
    return this.#isPrevented;
  }

  preventDefault(): void {
    if (this.cancelable) this.#isPrevented = true;
  }

  stopPropagation(): void {}

  stopImmediatePropagation(): void {
    this.#isStopped = true;
  }

  composedPath(): EventTarget[] {
    return this.#target === null ? [] : [this.#target];
  }

  /** Gives the target its way to deliver without a public setter. */
  static deliver(event: Event, target: EventTarget, listeners: readonly Listener[]): void {
    event.#target = target;
    for (const listener of listeners) {
      if (event.#isStopped) return;
      if (listener.isRemoved) continue;
      if (listener.once) listener.remove();
      callListener(listener, event, target);
    }
  }
}

type EventListener = ((event: Event) => unknown) | { handleEvent(event: Event): unknown };

interface Listener {
  readonly type: string;
  readonly callback: EventListener;
  readonly capture: boolean;
  readonly once: boolean;
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

function callListener(listener: Listener, event: Event, target: EventTarget): void {
  try {
    const { callback } = listener;
    if (typeof callback === 'function') callback.call(target, event);
    else callback.handleEvent(event);
  } catch (error) {
    report(error);
  }
}

export class EventTarget {
  #listeners: Listener[] = [];

  addEventListener(
    type: string,
    callback: EventListener | null,
    options: boolean | ListenerOptions = {},
  ): void {
    if (callback === null || callback === undefined) return;
    const settings = typeof options === 'boolean' ? { capture: options } : options;
    if (settings.signal?.aborted === true) return;
    const capture = Boolean(settings.capture);
    const exists = this.#listeners.some(
      (known) => known.type === type && known.callback === callback && known.capture === capture,
    );
    if (exists) return;
    const listener: Listener = {
      type: String(type),
      callback,
      capture,
      once: Boolean(settings.once),
      isRemoved: false,
      remove: () => {
        listener.isRemoved = true;
        this.#listeners = this.#listeners.filter((known) => known !== listener);
      },
    };
    this.#listeners.push(listener);
    settings.signal?.addEventListener('abort', listener.remove, { once: true });
  }

  removeEventListener(
    type: string,
    callback: EventListener | null,
    options: boolean | ListenerOptions = {},
  ): void {
    const capture = typeof options === 'boolean' ? options : Boolean(options.capture);
    const found = this.#listeners.find(
      (known) => known.type === type && known.callback === callback && known.capture === capture,
    );
    found?.remove();
  }

  dispatchEvent(event: Event): boolean {
    if (!(event instanceof Event)) throw new TypeError('dispatchEvent takes an Event');
    if (event.target !== null && event.eventPhase !== 0) {
      throw new DOMException('The event is already being dispatched', 'InvalidStateError');
    }
    Event.deliver(
      event,
      this,
      this.#listeners.filter((listener) => listener.type === event.type),
    );
    return !event.defaultPrevented;
  }
}

export class CustomEvent extends Event {
  readonly detail: unknown;

  constructor(type: string, init: EventInit & { detail?: unknown } = {}) {
    super(type, init);
    this.detail = init.detail ?? null;
  }
}

/** Defines `on<type>` on a prototype: the last function set is called with each event of that type. */
export function defineHandler(prototype: EventTarget, type: string): void {
  const handlers = new WeakMap<object, (event: Event) => unknown>();
  const wrappers = new WeakMap<object, (event: Event) => unknown>();
  Object.defineProperty(prototype, `on${type}`, {
    configurable: true,
    enumerable: true,
    get(this: EventTarget) {
      return handlers.get(this) ?? null;
    },
    set(this: EventTarget, value: unknown) {
      if (!wrappers.has(this)) {
        const wrapper = (event: Event): unknown => handlers.get(this)?.call(this, event);
        wrappers.set(this, wrapper);
        this.addEventListener(type, wrapper);
      }
      if (typeof value === 'function') handlers.set(this, value as (event: Event) => unknown);
      else handlers.delete(this);
    },
  });
}
