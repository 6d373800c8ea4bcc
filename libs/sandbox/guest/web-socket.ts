import type { Call } from './calls.js';
import { DOMException } from './dom-exception.js';
import { defineHandler, Event, type EventInit, EventTarget, fire } from './events.js';
import { guestCaps, host } from './host.js';
import { MessageEvent } from './messaging.js';
import { exactBuffer } from './ops.js';
import { defineInterface, needArguments, toDictionary } from './webidl.js';

type Data = string | ArrayBuffer;

/** HTML §9.3.3 of the WebSockets standard. */
export class CloseEvent extends Event {
  readonly #init: { readonly code?: number; readonly reason?: string; readonly wasClean?: boolean };

  constructor(type: string, init?: EventInit & { code?: number; reason?: string; wasClean?: boolean }) {
    needArguments(arguments.length, 1, 'CloseEvent');
    super(type, init);
    this.#init = toDictionary(init, 'CloseEvent');
  }

  get code(): number {
    return Number(this.#init.code ?? 0) & 0xffff;
  }
  get reason(): string {
    return String(this.#init.reason ?? '');
  }
  get wasClean(): boolean {
    return Boolean(this.#init.wasClean);
  }
}

const construct = Symbol('construct');
const states = { CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3 } as const;
const unheard = 1005;
const policyViolation = 1008;

/** What one end hands to the other: a message, or the end of the connection. */
type Item = Data | { readonly code: number; readonly reason: string; readonly wasClean: boolean };

export let join: (a: WebSocket, b: WebSocket) => void;
/**
 * Makes an end that nobody accepted the client's connection.
 *
 * @returns what sends on all that waited so far
 * @throws TypeError where somebody did accept it
 */
export let connect: (end: WebSocket, call: Call, onOver: () => void) => () => void;
/** What comes from the client, for the other end. */
export let receive: (end: WebSocket, item: Item) => void;
export let written: (end: WebSocket, bytes: number) => void;

/**
 * One end of a pair. What one end sends, the other gets once it was accepted; the end given back in a response is
 * the client from then on. Connections to elsewhere are not made: that is `fetch`.
 */
export class WebSocket extends EventTarget {
  #state: number = states.OPEN;
  #other: WebSocket | undefined;
  /** What waits until somebody takes it. */
  #waiting: Item[] = [];
  #waitingBytes = 0;
  #isAccepted = false;
  /** The call whose client this end is. */
  #call: Call | undefined;
  #onOver: (() => void) | undefined;
  #binaryType = 'arraybuffer';

  constructor(token?: unknown) {
    if (token !== construct)
      throw new TypeError('a proxylet opens no WebSocket; it answers with one: WebSocketPair');
    super();
  }

  get readyState(): number {
    return this.#state;
  }
  get url(): string {
    return '';
  }
  get protocol(): string {
    return '';
  }
  get extensions(): string {
    return '';
  }
  get binaryType(): string {
    return this.#binaryType;
  }
  set binaryType(value: string) {
    if (value === 'blob' || value === 'arraybuffer') this.#binaryType = 'arraybuffer';
  }
  /** Bytes sent that have not left yet. */
  get bufferedAmount(): number {
    const other = this.#other;
    return other === undefined ? 0 : other.#waitingBytes;
  }

  accept(): void {
    if (this.#call !== undefined)
      throw new TypeError('this end belongs to the client: it was given back in a response');
    if (this.#isAccepted) return;
    this.#isAccepted = true;
    queueMicrotask(() => this.#deliver());
  }

  send(data: unknown): void {
    needArguments(arguments.length, 1, 'send');
    if (!this.#isAccepted) throw new DOMException('accept() comes before send()', 'InvalidStateError');
    if (this.#state !== states.OPEN) return;
    const other = this.#other;
    const item = toData(data);
    const bytes = sizeOf(item);
    if (bytes > guestCaps.socketMessageBytes) {
      throw new DOMException(
        `a message has at most ${guestCaps.socketMessageBytes} bytes`,
        'QuotaExceededError',
      );
    }
    if (other === undefined) return;
    if (other.#waitingBytes > 0 && other.#waitingBytes + bytes > guestCaps.socketQueueBytes) {
      throw new DOMException(
        `at most ${guestCaps.socketQueueBytes} bytes wait to be sent`,
        'QuotaExceededError',
      );
    }
    other.#waitingBytes += bytes;
    other.#take(item);
  }

  close(code?: number, reason?: string): void {
    const given = code === undefined ? unheard : Math.trunc(Number(code));
    if (code !== undefined && given !== 1000 && !(given >= 3000 && given <= 4999)) {
      throw new DOMException('the code is 1000 or from 3000 to 4999', 'InvalidAccessError');
    }
    const text = reason === undefined ? '' : String(reason);
    if (utf8Length(text) > maxReasonBytes) {
      throw new DOMException(`the reason has at most ${maxReasonBytes} bytes`, 'SyntaxError');
    }
    if (this.#state >= states.CLOSING) return;
    const other = this.#other;
    const isClientGone = other === undefined || other.#state === states.CLOSED;
    this.#state = isClientGone ? states.CLOSED : states.CLOSING;
    if (other !== undefined) other.#take({ code: given, reason: text, wasClean: true });
  }

  #take(item: Item): void {
    this.#waiting.push(item);
    if (this.#call !== undefined) this.#sendOut();
    else if (this.#isAccepted) queueMicrotask(() => this.#deliver());
  }

  /** To the client. Bytes count as waiting until the engine has written them. */
  #sendOut(): void {
    const call = this.#call;
    if (call === undefined) return;
    for (const item of this.#waiting.splice(0)) {
      if (typeof item === 'string' || item instanceof ArrayBuffer) host().socketSend(call.id, item);
      else host().socketClose(call.id, item.code, item.reason);
    }
  }

  #deliver(): void {
    for (;;) {
      const item = this.#waiting.shift();
      if (item === undefined) return;
      if (typeof item === 'string' || item instanceof ArrayBuffer) {
        if (this.#call === undefined) this.#waitingBytes -= sizeOf(item);
        if (this.#state !== states.CLOSED) fire(this, new MessageEvent('message', { data: item }));
      } else {
        this.#closed(item);
      }
    }
  }

  #closed(end: Exclude<Item, Data>): void {
    if (this.#state === states.CLOSED) return;
    this.#state = states.CLOSED;
    const other = this.#other;
    // Between two ends in here nobody else answers.
    if (other !== undefined && other.#call === undefined && other.#state !== states.CLOSED) {
      other.#take(end);
    }
    if (!end.wasClean) fire(this, new Event('error'));
    fire(this, new CloseEvent('close', end));
  }

  static {
    join = (a, b) => {
      a.#other = b;
      b.#other = a;
    };
    connect = (end, call, onOver) => {
      if (end.#isAccepted) throw new TypeError('an end that was accepted here cannot be the client as well');
      if (end.#call !== undefined) throw new TypeError('this end was given back before');
      end.#call = call;
      end.#onOver = onOver;
      return () => end.#sendOut();
    };
    receive = (end, item) => {
      const other = end.#other;
      if (other === undefined) return;
      if (typeof item !== 'string' && !(item instanceof ArrayBuffer)) {
        end.#state = states.CLOSED;
        other.#take(item);
        // After the other end has heard of it.
        queueMicrotask(() => end.#onOver?.());
        return;
      }
      const bytes = sizeOf(item);
      if (other.#waitingBytes + bytes > guestCaps.socketQueueBytes && !other.#isAccepted) {
        // Nobody listens: the client is told rather than kept waiting.
        if (end.#call !== undefined)
          host().socketClose(end.#call.id, policyViolation, 'nobody takes the messages');
        return;
      }
      other.#waitingBytes += bytes;
      other.#take(item);
    };
    written = (end, bytes) => {
      end.#waitingBytes = Math.max(0, end.#waitingBytes - bytes);
    };
  }
}

const maxReasonBytes = 123;

function toData(data: unknown): Data {
  if (data instanceof ArrayBuffer) return data.slice(0);
  if (ArrayBuffer.isView(data)) {
    return exactBuffer(new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice());
  }
  const text = String(data);
  return text.isWellFormed() ? text : text.toWellFormed();
}

/** As much as it may take on the wire. */
function sizeOf(data: Data): number {
  return typeof data === 'string' ? utf8Length(data) : data.byteLength;
}

function utf8Length(text: string): number {
  let length = text.length;
  for (let i = 0; i < text.length; i += 1) {
    const unit = text.charCodeAt(i);
    // A pair of surrogates has two units and four bytes.
    if (unit > 0x7f) length += unit > 0x7ff && (unit < 0xd800 || unit > 0xdfff) ? 2 : 1;
  }
  return length;
}

function targetOf(self: unknown): EventTarget {
  if (!(self instanceof WebSocket)) throw new TypeError('Illegal invocation');
  return self;
}

function defineMembers(): void {
  for (const type of ['open', 'message', 'error', 'close'])
    defineHandler(WebSocket.prototype, type, targetOf);
  for (const holder of [WebSocket, WebSocket.prototype]) {
    for (const [name, value] of Object.entries(states)) {
      Object.defineProperty(holder, name, { value, enumerable: true });
    }
  }
}

defineMembers();

/** Two ends of one connection: `0` for the client, `1` for the proxylet. */
export class WebSocketPair {
  readonly 0: WebSocket;
  readonly 1: WebSocket;

  constructor() {
    this[0] = new WebSocket(construct);
    this[1] = new WebSocket(construct);
    join(this[0], this[1]);
  }

  *[Symbol.iterator](): Iterator<WebSocket> {
    yield this[0];
    yield this[1];
  }
}

defineInterface(CloseEvent, 'CloseEvent', { constructor: 1 });
defineInterface(WebSocket, 'WebSocket', { constructor: 0, send: 1 });
