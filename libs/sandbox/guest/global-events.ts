import { ErrorEvent, PromiseRejectionEvent } from './error-events.js';
import { defineHandler, type Event, EventTarget, fire, showAs } from './events.js';
import { guestCaps } from './host.js';
import { describeError } from './text.js';

/** Stands for the global, whose prototype chain stays the language's own. */
const target = new EventTarget();
let isReporting = false;

/**
 * HTML §8.1.4.6 "report an exception": an `error` event at the global. An error inside a listener for errors is not
 * reported to listeners again.
 *
 * @returns false where a listener said that it was dealt with
 */
export function reportToListeners(error: unknown): boolean {
  if (isReporting) return true;
  isReporting = true;
  try {
    const { name, message } = describeError(error, guestCaps.errorMessageChars, 0);
    return fire(
      target,
      new ErrorEvent('error', { cancelable: true, message: `Uncaught ${name}: ${message}`, error }),
    );
  } finally {
    isReporting = false;
  }
}

/**
 * The platform tells of a rejection after the fact and as text only: the event's reason is an `Error` made of it,
 * and its promise another one with that reason.
 */
export function reportRejection(text: string): boolean {
  const reason = new Error(text);
  const promise = Promise.reject(reason);
  promise.catch(() => undefined);
  return fire(target, new PromiseRejectionEvent('unhandledrejection', { cancelable: true, promise, reason }));
}

/** Makes the global an event target with `onerror`, `onunhandledrejection` and `onrejectionhandled`. */
export function defineGlobalEvents(global: Record<string, unknown>): void {
  showAs(target, global);
  for (const name of ['addEventListener', 'removeEventListener', 'dispatchEvent'] as const) {
    const operation = target[name] as (...args: unknown[]) => unknown;
    const value = {
      [name](this: unknown, ...args: unknown[]): unknown {
        targetOf(this);
        return Reflect.apply(operation, target, args);
      },
    }[name];
    Object.defineProperty(global, name, { value, writable: true, configurable: true, enumerable: true });
  }
  const targetOf = (self: unknown): EventTarget => {
    if (self !== undefined && self !== null && self !== global) throw new TypeError('Illegal invocation');
    return target;
  };
  defineHandler(global, 'error', targetOf, callErrorHandler);
  defineHandler(global, 'unhandledrejection', targetOf);
  defineHandler(global, 'rejectionhandled', targetOf);
}

/** `onerror` takes five arguments, and `true` from it means that it was dealt with. */
function callErrorHandler(handler: (...args: unknown[]) => unknown, shown: object, event: Event): void {
  if (!(event instanceof ErrorEvent)) {
    Reflect.apply(handler, shown, [event]);
    return;
  }
  const { message, filename, lineno, colno, error } = event;
  if (Reflect.apply(handler, shown, [message, filename, lineno, colno, error]) === true)
    event.preventDefault();
}
