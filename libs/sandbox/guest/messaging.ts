import { cloneOf, toTransfer } from './clone.js';
import { activeCall } from './current.js';
import { DOMException } from './dom-exception.js';
import { defineHandler, Event, type EventInit, EventTarget, fire } from './events.js';
import { exceeded } from './limits.js';
import { startTimer } from './timers.js';
import { defineInterface, needArguments, toDictionary } from './webidl.js';

interface MessageEventInit extends EventInit {
  data?: unknown;
  origin?: string;
  lastEventId?: string;
  source?: unknown;
  ports?: Iterable<MessagePort>;
}

/** HTML §9.1. */
export class MessageEvent extends Event {
  readonly #data: unknown;
  readonly #origin: string;
  readonly #lastEventId: string;
  readonly #source: unknown;
  readonly #ports: readonly MessagePort[];

  constructor(type: string, init?: MessageEventInit) {
    needArguments(arguments.length, 1, 'MessageEvent');
    super(type, init);
    const { data, origin, lastEventId, source, ports } = toDictionary(init, 'MessageEvent');
    this.#data = data ?? null;
    this.#origin = origin === undefined ? '' : String(origin);
    this.#lastEventId = lastEventId === undefined ? '' : String(lastEventId);
    if (source !== undefined && source !== null && !(source instanceof MessagePort)) {
      throw new TypeError('source is a MessagePort');
    }
    this.#source = source ?? null;
    const given = ports === undefined ? [] : [...(ports as Iterable<unknown>)];
    if (!given.every((port) => port instanceof MessagePort)) throw new TypeError('ports are MessagePorts');
    this.#ports = Object.freeze(given);
  }

  get data(): unknown {
    return this.#data;
  }
  get origin(): string {
    return this.#origin;
  }
  get lastEventId(): string {
    return this.#lastEventId;
  }
  get source(): unknown {
    return this.#source;
  }
  get ports(): readonly MessagePort[] {
    return this.#ports;
  }
}

const construct = Symbol('construct');
/** Messages that wait for a port to be started. */
const maxWaiting = 1000;
let startPort: (port: MessagePort) => void;
let entangle: (a: MessagePort, b: MessagePort) => void;

/** HTML §9.4.4, within one isolate. Messages are delivered in turns of the call that posts them. */
export class MessagePort extends EventTarget {
  #other: MessagePort | undefined;
  #waiting: unknown[] = [];
  #isStarted = false;
  #isScheduled = false;

  constructor(token?: symbol) {
    if (token !== construct) throw new TypeError('Illegal constructor');
    super();
  }

  postMessage(message: unknown, options?: unknown): void {
    const list = Array.isArray(options) ? options : toDictionary(options, 'postMessage')['transfer'];
    const transfer = toTransfer(list, () => false);
    const data = cloneOf(message, transfer);
    const other = this.#other;
    if (other === undefined) return;
    if (other.#waiting.length >= maxWaiting) {
      throw exceeded(
        'operations',
        new DOMException(`at most ${maxWaiting} messages wait`, 'QuotaExceededError'),
      );
    }
    other.#waiting.push(data);
    other.#schedule();
  }

  start(): void {
    this.#isStarted = true;
    this.#schedule();
  }

  close(): void {
    const other = this.#other;
    this.#other = undefined;
    this.#waiting = [];
    if (other !== undefined) other.#other = undefined;
  }

  #schedule(): void {
    if (!this.#isStarted || this.#isScheduled || this.#waiting.length === 0) return;
    if (activeCall() === undefined) return;
    this.#isScheduled = true;
    startTimer(() => {
      this.#isScheduled = false;
      if (this.#waiting.length === 0) return;
      const data = this.#waiting.shift();
      this.#schedule();
      fire(this, new MessageEvent('message', { data }));
    }, 0);
  }

  static {
    entangle = (a, b) => {
      a.#other = b;
      b.#other = a;
    };
    startPort = (port) => {
      void port.#isStarted;
      port.start();
    };
  }
}

/** Setting `onmessage` starts the port. */
function defineMessageHandler(): void {
  const targetOf = (self: unknown): EventTarget => {
    if (!(self instanceof MessagePort)) throw new TypeError('Illegal invocation');
    return self;
  };
  for (const type of ['message', 'messageerror', 'close'])
    defineHandler(MessagePort.prototype, type, targetOf);
  const descriptor = Object.getOwnPropertyDescriptor(MessagePort.prototype, 'onmessage');
  const set = descriptor?.set;
  Object.defineProperty(MessagePort.prototype, 'onmessage', {
    ...descriptor,
    set(this: MessagePort, value: unknown) {
      set?.call(this, value);
      startPort(this);
    },
  });
}

defineMessageHandler();

/** HTML §9.4.3. */
export class MessageChannel {
  readonly #port1 = new MessagePort(construct);
  readonly #port2 = new MessagePort(construct);

  constructor() {
    entangle(this.#port1, this.#port2);
  }

  get port1(): MessagePort {
    return this.#port1;
  }
  get port2(): MessagePort {
    return this.#port2;
  }
}

defineInterface(MessageEvent, 'MessageEvent', { constructor: 1 });
defineInterface(MessagePort, 'MessagePort', { constructor: 0, postMessage: 1 });
defineInterface(MessageChannel, 'MessageChannel');
