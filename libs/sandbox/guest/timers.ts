import { type Activity, enterAs, owningCall } from './current.js';
import { guestCaps, host } from './host.js';
import { exceeded } from './limits.js';

interface Timer {
  readonly callback: () => unknown;
  readonly repeatMs: number | undefined;
  readonly call: Activity;
}

const timers = new Map<number, Timer>();
let lastId = 0;

export function startTimer(callback: () => unknown, delay: unknown, isRepeating = false): number {
  if (timers.size >= guestCaps.timers) {
    throw exceeded('timers', new RangeError(`at most ${guestCaps.timers} timers at once`));
  }
  const call = owningCall('a timer');
  const delayMs = clampDelay(delay);
  lastId += 1;
  timers.set(lastId, { callback, repeatMs: isRepeating ? Math.max(1, delayMs) : undefined, call });
  call.timers ??= new Set();
  call.timers.add(lastId);
  host().timer(lastId, call.id, delayMs);
  return lastId;
}

export function clearTimer(id: unknown): void {
  const key = Number(id);
  const timer = timers.get(key);
  if (timer === undefined) return;
  forget(key, timer);
  host().clearTimer(key);
}

/** The call is over: its timers never fire. The host lets go of its own by itself. */
export function releaseTimers(call: Activity): void {
  for (const id of call.timers ?? []) timers.delete(id);
  call.timers = undefined;
}

/** Called from outside when a timer is due. */
export function fireTimer(id: number): void {
  const timer = timers.get(id);
  if (timer === undefined) return;
  enterAs(timer.call);
  if (timer.repeatMs === undefined) forget(id, timer);
  else host().timer(id, timer.call.id, timer.repeatMs);
  timer.callback();
}

function forget(id: number, timer: Timer): void {
  timers.delete(id);
  timer.call.timers?.delete(id);
}

/** HTML §8.6: not a number counts as 0; longer than 2³¹-1 ms counts as 0 in browsers, here as that limit. */
function clampDelay(delay: unknown): number {
  const ms = Number(delay);
  return ms > 0 ? Math.min(ms, 0x7fff_ffff) : 0;
}

function callbackOf(handler: unknown, args: readonly unknown[]): () => unknown {
  if (typeof handler !== 'function')
    throw new TypeError('a timer takes a function; strings are not evaluated');
  return () => Reflect.apply(handler, undefined, args);
}

export function setTimeout(handler: unknown, delay?: unknown, ...args: unknown[]): number {
  return startTimer(callbackOf(handler, args), delay);
}

export function setInterval(handler: unknown, delay?: unknown, ...args: unknown[]): number {
  return startTimer(callbackOf(handler, args), delay, true);
}
