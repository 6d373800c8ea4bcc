import { DOMException } from './dom-exception.js';
import { defineHandler, Event, EventTarget } from './events.js';
import { startTimer } from './timers.js';

const construct = Symbol('construct');

/** Aborts a signal; only its controller and the host side have this right. */
export let fireSignal: (signal: AbortSignal, reason?: unknown) => void;

export function createSignal(): AbortSignal {
  return new AbortSignal(construct);
}

/** DOM §3.2. */
export class AbortSignal extends EventTarget {
  #isAborted = false;
  #reason: unknown = undefined;
  /** Signals made by `any` that follow this one. */
  #dependents: AbortSignal[] = [];

  constructor(token?: symbol) {
    super();
    if (token !== construct) throw new TypeError('Illegal constructor');
  }

  get aborted(): boolean {
    return this.#isAborted;
  }

  get reason(): unknown {
    return this.#reason;
  }

  throwIfAborted(): void {
    if (this.#isAborted) throw this.#reason;
  }

  static abort(reason?: unknown): AbortSignal {
    const signal = new AbortSignal(construct);
    fireSignal(signal, reason);
    return signal;
  }

  static timeout(milliseconds: number): AbortSignal {
    const signal = new AbortSignal(construct);
    startTimer(() => {
      fireSignal(signal, new DOMException('The operation timed out', 'TimeoutError'));
    }, milliseconds);
    return signal;
  }

  static any(signals: Iterable<AbortSignal>): AbortSignal {
    const all = [...signals];
    const result = new AbortSignal(construct);
    const aborted = all.find((signal) => signal.aborted);
    if (aborted !== undefined) fireSignal(result, aborted.reason);
    else for (const signal of all) signal.#dependents.push(result);
    return result;
  }

  static {
    fireSignal = (signal, reason) => {
      if (signal.#isAborted) return;
      signal.#isAborted = true;
      signal.#reason = reason ?? new DOMException('The operation was aborted', 'AbortError');
      signal.dispatchEvent(new Event('abort'));
      const dependents = signal.#dependents;
      signal.#dependents = [];
      for (const dependent of dependents) fireSignal(dependent, signal.#reason);
    };
  }
}

defineHandler(AbortSignal.prototype, 'abort');

export class AbortController {
  readonly #signal = createSignal();

  get signal(): AbortSignal {
    return this.#signal;
  }

  abort(reason?: unknown): void {
    fireSignal(this.#signal, reason);
  }
}

/** Rejects when the signal fires; the returned function takes the listener away again. */
export function onAbort(signal: AbortSignal | undefined, listener: () => void): () => void {
  if (signal === undefined) return () => undefined;
  signal.addEventListener('abort', listener, { once: true });
  return () => {
    signal.removeEventListener('abort', listener);
  };
}
