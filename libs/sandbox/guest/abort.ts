import { DOMException } from './dom-exception.js';
import { defineHandler, Event, EventTarget, fire, setSignalCheck } from './events.js';
import { startTimer } from './timers.js';
import { defineInterface } from './webidl.js';

const construct = Symbol('construct');

/** Aborts a signal; only its controller and the host side have this right. Without a reason: an `AbortError`. */
export let fireSignal: (signal: AbortSignal, reason?: unknown) => void;
let isAbortSignal: (value: unknown) => value is AbortSignal;

export function createSignal(): AbortSignal {
  return new AbortSignal(construct);
}

/** DOM §3.2. */
export class AbortSignal extends EventTarget {
  #isAborted = false;
  #reason: unknown = undefined;
  /** Signals made by `any` that follow this one; those never have others as their source. */
  #dependents: AbortSignal[] = [];
  #sources: AbortSignal[] | undefined;

  constructor(token?: symbol) {
    if (token !== construct) throw new TypeError('Illegal constructor');
    super();
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
    signal.#isAborted = true;
    signal.#reason = reasonOf(reason);
    return signal;
  }

  static timeout(milliseconds: number): AbortSignal {
    const delay = Math.trunc(Number(milliseconds));
    if (!(delay >= 0 && delay <= Number.MAX_SAFE_INTEGER)) {
      throw new TypeError('a timeout is a number of milliseconds');
    }
    const signal = new AbortSignal(construct);
    startTimer(() => {
      fireSignal(signal, new DOMException('The operation timed out', 'TimeoutError'));
    }, delay);
    return signal;
  }

  static any(signals: Iterable<AbortSignal>): AbortSignal {
    const all = [...signals];
    if (!all.every(isAbortSignal)) throw new TypeError('any takes AbortSignals');
    const result = new AbortSignal(construct);
    const aborted = all.find((signal) => signal.aborted);
    if (aborted !== undefined) {
      result.#isAborted = true;
      result.#reason = aborted.reason;
      return result;
    }
    const sources = new Set(all.flatMap((signal) => signal.#sources ?? [signal]));
    result.#sources = [...sources];
    for (const source of sources) source.#dependents.push(result);
    return result;
  }

  static {
    isAbortSignal = (value): value is AbortSignal =>
      typeof value === 'object' && value !== null && #isAborted in value;
    fireSignal = (signal, reason) => {
      if (signal.#isAborted) return;
      const because = reasonOf(reason);
      const dependents = signal.#dependents.filter((dependent) => !dependent.#isAborted);
      signal.#dependents = [];
      // All of them are aborted before anybody hears of it (DOM §3.2 "signal abort").
      for (const aborted of [signal, ...dependents]) {
        aborted.#isAborted = true;
        aborted.#reason = because;
      }
      for (const aborted of [signal, ...dependents]) fire(aborted, new Event('abort'));
    };
  }
}

function reasonOf(reason: unknown): unknown {
  return reason === undefined ? new DOMException('The operation was aborted', 'AbortError') : reason;
}

setSignalCheck((value) => isAbortSignal(value));
defineHandler(AbortSignal.prototype, 'abort', (self) => {
  if (!isAbortSignal(self)) throw new TypeError('Illegal invocation');
  return self;
});
defineInterface(AbortSignal, 'AbortSignal', { timeout: 1, any: 1 });

export class AbortController {
  readonly #signal = createSignal();

  get signal(): AbortSignal {
    return this.#signal;
  }

  abort(reason?: unknown): void {
    fireSignal(this.#signal, reason);
  }
}

defineInterface(AbortController, 'AbortController');

/** Tells whether it is a signal, and refuses what is none; absent and null count as no signal. */
export function toSignal(value: unknown): AbortSignal | undefined {
  if (value === undefined || value === null) return undefined;
  if (!isAbortSignal(value)) throw new TypeError('signal is an AbortSignal');
  return value;
}
