import { host } from './host.js';
import { defineInterface, needArguments, toDictionary } from './webidl.js';

export interface EventInit {
  bubbles?: boolean;
  cancelable?: boolean;
  composed?: boolean;
}

/** Rights of the dispatcher, which guest code does not have. */
export let eventState: (event: Event) => EventState;
export let markTrusted: (event: Event) => void;
let isTrustedOf: (event: Event) => boolean;

export interface EventState {
  target: object | null;
  currentTarget: object | null;
  isDispatching: boolean;
  isStopped: boolean;
  isStoppedAtOnce: boolean;
  isCanceled: boolean;
  inPassiveListener: boolean;
}

const phases = { NONE: 0, CAPTURING_PHASE: 1, AT_TARGET: 2, BUBBLING_PHASE: 3 };

/** DOM §2.2, without a tree: an event has one target, and its path is that target. */
export class Event {
  #type: string;
  #bubbles: boolean;
  #cancelable: boolean;
  readonly #composed: boolean;
  readonly #timeStamp = host().nowMs() - host().startedMs;
  #isTrusted = false;
  readonly #state: EventState = {
    target: null,
    currentTarget: null,
    isDispatching: false,
    isStopped: false,
    isStoppedAtOnce: false,
    isCanceled: false,
    inPassiveListener: false,
  };

  constructor(type: string, init?: EventInit) {
    needArguments(arguments.length, 1, 'Event');
    const { bubbles, cancelable, composed } = toDictionary(init, 'Event');
    this.#type = String(type);
    this.#bubbles = Boolean(bubbles);
    this.#cancelable = Boolean(cancelable);
    this.#composed = Boolean(composed);
    Object.defineProperty(this, 'isTrusted', unforgeable);
  }

  get type(): string {
    return this.#type;
  }
  get target(): object | null {
    return this.#state.target;
  }
  get srcElement(): object | null {
    return this.#state.target;
  }
  get currentTarget(): object | null {
    return this.#state.currentTarget;
  }
  composedPath(): object[] {
    const { currentTarget } = this.#state;
    return currentTarget === null ? [] : [currentTarget];
  }
  get eventPhase(): number {
    return this.#state.currentTarget === null ? phases.NONE : phases.AT_TARGET;
  }
  stopPropagation(): void {
    this.#state.isStopped = true;
  }
  get cancelBubble(): boolean {
    return this.#state.isStopped;
  }
  set cancelBubble(value: boolean) {
    if (value) this.#state.isStopped = true;
  }
  stopImmediatePropagation(): void {
    this.#state.isStopped = true;
    this.#state.isStoppedAtOnce = true;
  }
  get bubbles(): boolean {
    return this.#bubbles;
  }
  get cancelable(): boolean {
    return this.#cancelable;
  }
  get returnValue(): boolean {
    return !this.#state.isCanceled;
  }
  set returnValue(value: boolean) {
    if (!value) this.preventDefault();
  }
  preventDefault(): void {
    if (this.#cancelable && !this.#state.inPassiveListener) this.#state.isCanceled = true;
  }
  get defaultPrevented(): boolean {
    return this.#state.isCanceled;
  }
  get composed(): boolean {
    return this.#composed;
  }
  get timeStamp(): number {
    return this.#timeStamp;
  }
  initEvent(type: string, bubbles = false, cancelable = false): void {
    if (this.#state.isDispatching) return;
    this.#type = String(type);
    this.#bubbles = Boolean(bubbles);
    this.#cancelable = Boolean(cancelable);
    Object.assign(this.#state, { target: null, isStopped: false, isStoppedAtOnce: false, isCanceled: false });
    this.#isTrusted = false;
  }

  static {
    eventState = (event) => event.#state;
    markTrusted = (event) => {
      event.#isTrusted = true;
    };
    isTrustedOf = (event) => event.#isTrusted;
  }
}

/** One getter for all events, as the standard's `LegacyUnforgeable` wants it. */
const unforgeable = Object.getOwnPropertyDescriptor(
  {
    get isTrusted(): boolean {
      return isTrustedOf(this);
    },
  },
  'isTrusted',
) as PropertyDescriptor;
unforgeable.configurable = false;

for (const [name, value] of Object.entries(phases)) {
  for (const holder of [Event, Event.prototype]) {
    Object.defineProperty(holder, name, { value, enumerable: true });
  }
}
defineInterface(Event, 'Event', { constructor: 1, initEvent: 1 });

export class CustomEvent extends Event {
  #detail: unknown;

  constructor(type: string, init?: EventInit & { detail?: unknown }) {
    needArguments(arguments.length, 1, 'CustomEvent');
    super(type, init);
    this.#detail = toDictionary(init, 'CustomEvent')['detail'] ?? null;
  }

  get detail(): unknown {
    return this.#detail;
  }

  initCustomEvent(type: string, bubbles = false, cancelable = false, detail: unknown = null): void {
    if (eventState(this).isDispatching) return;
    this.initEvent(type, bubbles, cancelable);
    this.#detail = detail;
  }
}

defineInterface(CustomEvent, 'CustomEvent', { constructor: 1, initCustomEvent: 1 });
