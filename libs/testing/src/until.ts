import { setTimeout as delay } from 'node:timers/promises';

export interface UntilOptions {
  /** Named in the failure. */
  readonly what: string;
  readonly timeoutMs?: number;
  readonly everyMs?: number;
}

/**
 * Waits until `look` gives something other than undefined and false, and gives it back.
 *
 * @throws Error after `timeoutMs` (default 10 s), which quotes what `look` last threw
 */
export async function until<T>(
  look: () => T | undefined | false | Promise<T | undefined | false>,
  { what, timeoutMs = 10_000, everyMs = 20 }: UntilOptions,
): Promise<T> {
  const endMs = performance.now() + timeoutMs;
  let cause: unknown;
  do {
    try {
      const found = await look();
      if (found !== undefined && found !== false) return found;
    } catch (error) {
      cause = error;
    }
    await delay(everyMs);
  } while (performance.now() < endMs);
  throw new Error(`Waited ${timeoutMs} ms in vain: ${what}`, { cause });
}
