/** On whose behalf code runs now; `id` is the call's, or there is none (module top level). */
export interface Activity {
  readonly id: number;
}

let active: Activity | undefined;

export function activeCall(): Activity | undefined {
  return active;
}

/**
 * Set at each entry from outside, so that code after an `await` of a host operation belongs to the call that
 * started the operation. It stays until the next entry, since microtasks run after the entry's own frame.
 */
export function enterAs(call: Activity | undefined): void {
  active = call;
}
