import { type Activity, activeCall, enterAs } from './current.js';
import { guestCaps, host } from './host.js';

interface Timer {
  readonly callback: () => unknown;
  readonly repeatMs: number | undefined;
  readonly call: Activity | undefined;
}

const timers = new Map<number, Timer>();
let lastId = 0;

export function startTimer(callback: () => unknown, delay: unknown, isRepeating = false): number {
  if (timers.size >= guestCaps.timers) throw new RangeError(`at most ${guestCaps.timers} timers at once`);
  const delayMs = clampDelay(delay);
  lastId += 1;
  const call = activeCall();
  timers.set(lastId, { callback, repeatMs: isRepeating ? Math.max(1, delayMs) : undefined, call });
  host().timer(lastId, call?.id ?? 0, delayMs);
  return lastId;
}

export function clearTimer(id: unknown): void {
  const key = Number(id);
  if (timers.delete(key)) host().clearTimer(key);
}

/** Called from outside when a timer is due. */
export function fireTimer(id: number): void {
  const timer = timers.get(id);
  if (timer === undefined) return;
  enterAs(timer.call);
  if (timer.repeatMs === undefined) timers.delete(id);
  else host().timer(id, timer.call?.id ?? 0, timer.repeatMs);
  timer.callback();
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
