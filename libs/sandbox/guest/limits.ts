import { activeCall } from './current.js';
import { host } from './host.js';

/** Limits whose breach shows first in here; their names are the sandbox's (`src/limits.ts`). */
export type GuestLimit = 'subrequests' | 'depth' | 'headers' | 'kv' | 'log' | 'timers' | 'operations';

const codes: Readonly<Record<Exclude<GuestLimit, 'log'>, string>> = {
  subrequests: 'subrequest-limit',
  depth: 'depth-limit',
  headers: 'header-limit',
  kv: 'kv-limit',
  timers: 'timer-limit',
  operations: 'operation-limit',
};

const limitOf = new WeakMap<object, string>();

/** Marks an error as a breach and tells the host; guest code may catch it and go on. */
export function exceeded<E extends Error>(limit: Exclude<GuestLimit, 'log'>, error: E): E {
  mark(error, limit);
  host().breach(activeCall()?.id ?? 0, limit);
  return error;
}

/** Marks an error of a breach that the host knows of already. A limit that is none of ours is passed over. */
export function mark(error: Error, limit: string): void {
  if (Object.hasOwn(codes, limit)) limitOf.set(error, limit);
}

/** Problem code that answers a call which ends with this error; undefined where no limit was the cause. */
export function breachCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const limit = limitOf.get(error);
  return limit === undefined ? undefined : codes[limit as keyof typeof codes];
}
