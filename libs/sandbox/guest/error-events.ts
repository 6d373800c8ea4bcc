import { Event, type EventInit } from './event.js';
import { defineInterface, needArguments, toDictionary } from './webidl.js';

interface ErrorEventInit extends EventInit {
  message?: string;
  filename?: string;
  lineno?: number;
  colno?: number;
  error?: unknown;
}

/** HTML §8.1.4.7. */
export class ErrorEvent extends Event {
  readonly #message: string;
  readonly #filename: string;
  readonly #lineno: number;
  readonly #colno: number;
  readonly #error: unknown;

  constructor(type: string, init?: ErrorEventInit) {
    needArguments(arguments.length, 1, 'ErrorEvent');
    super(type, init);
    const { message = '', filename = '', lineno, colno, error } = toDictionary(init, 'ErrorEvent');
    this.#message = String(message);
    this.#filename = String(filename);
    this.#lineno = Number(lineno) >>> 0;
    this.#colno = Number(colno) >>> 0;
    this.#error = error;
  }

  get message(): string {
    return this.#message;
  }
  get filename(): string {
    return this.#filename;
  }
  get lineno(): number {
    return this.#lineno;
  }
  get colno(): number {
    return this.#colno;
  }
  get error(): unknown {
    return this.#error;
  }
}

interface PromiseRejectionEventInit extends EventInit {
  promise: Promise<unknown>;
  reason?: unknown;
}

/** HTML §8.1.4.8. */
export class PromiseRejectionEvent extends Event {
  readonly #promise: unknown;
  readonly #reason: unknown;

  constructor(type: string, init: PromiseRejectionEventInit) {
    needArguments(arguments.length, 2, 'PromiseRejectionEvent');
    super(type, init);
    const { promise, reason } = toDictionary(init, 'PromiseRejectionEvent');
    if (promise === undefined) throw new TypeError('PromiseRejectionEvent needs a promise');
    this.#promise = promise;
    this.#reason = reason;
  }

  get promise(): unknown {
    return this.#promise;
  }
  get reason(): unknown {
    return this.#reason;
  }
}

defineInterface(ErrorEvent, 'ErrorEvent', { constructor: 1 });
defineInterface(PromiseRejectionEvent, 'PromiseRejectionEvent', { constructor: 2 });
