import { DOMException } from './dom-exception.js';

/**
 * On whose behalf code runs. Timers and operations belong to a call and end with it: work that shall go on after
 * the response is given to `ctx.waitUntil`.
 */
export interface Activity {
  readonly id: number;
  readonly isOver: boolean;
  /** Ids of what the call has started and not seen the end of; made on first use. */
  timers: Set<number> | undefined;
  ops: Set<number> | undefined;
}

let active: Activity | undefined;

export function activeCall(): Activity | undefined {
  return active;
}

/** The call that a new timer or operation belongs to. */
export function owningCall(what: string): Activity {
  if (active === undefined) {
    throw new DOMException(
      `${what} belongs to a call; there is none while the module starts`,
      'InvalidStateError',
    );
  }
  if (active.isOver) {
    throw new DOMException(
      `${what} belongs to a call, and this one is over: see ctx.waitUntil`,
      'InvalidStateError',
    );
  }
  return active;
}

/**
 * Set at each entry from outside, so that code after an `await` of a host operation belongs to the call that
 * started the operation. It stays until the next entry, since microtasks run after the entry's own frame.
 */
export function enterAs(call: Activity | undefined): void {
  active = call;
}
