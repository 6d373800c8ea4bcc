import type { LimitName } from '../limits.js';

/** What is said about a breach that shows inside the isolate. */
export const guestBreaches: Partial<Record<LimitName, string>> = {
  headers: 'It made more headers than 64 KB.',
  log: 'It logged more than 64 KB in one call; later lines of the call are lost.',
  timers: 'It set more timers than it may have at once.',
  operations: 'It started more operations than it may have at once.',
};

/** Why an isolate may have gone that speak against its guest. */
export const fatalBreaches = new Set(['cpu-limit', 'memory-limit', 'proxylet-invalid']);
