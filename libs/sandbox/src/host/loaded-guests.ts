import type { Guest } from '../types.js';

/** A guest that has an isolate in a runner, or is about to. */
export interface LoadedGuest {
  readonly key: number;
  readonly guest: Guest;
  lastUsedMs: number;
}

const maxGone = 32;

/**
 * Guests of one runner. By id is found the isolate that takes calls; one that is on its way out is still known by its
 * key, for what its last calls ask of the engine.
 */
export class LoadedGuests {
  private readonly byId = new Map<string, LoadedGuest>();
  private readonly byKey = new Map<number, LoadedGuest>();
  private readonly gone: LoadedGuest[] = [];
  private lastKey = 0;

  get size(): number {
    return this.byKey.size;
  }

  add(guest: Guest, nowMs: number): LoadedGuest {
    this.lastKey += 1;
    const loaded = { key: this.lastKey, guest, lastUsedMs: nowMs };
    this.byId.set(guest.id, loaded);
    this.byKey.set(loaded.key, loaded);
    return loaded;
  }

  ofId(guestId: string): LoadedGuest | undefined {
    return this.byId.get(guestId);
  }

  ofKey(key: number): LoadedGuest | undefined {
    return this.byKey.get(key);
  }

  /** The next call makes another isolate. */
  leave(loaded: LoadedGuest): void {
    if (this.byId.get(loaded.guest.id) === loaded) this.byId.delete(loaded.guest.id);
  }

  /** Also one that is gone by now: a thread may turn out to be lost in its code. */
  culprit(key: number): Guest | undefined {
    return (this.byKey.get(key) ?? this.gone.find((one) => one.key === key))?.guest;
  }

  forget(loaded: LoadedGuest): void {
    this.byKey.delete(loaded.key);
    this.gone.push(loaded);
    if (this.gone.length > maxGone) this.gone.shift();
    this.leave(loaded);
  }

  /** Those that take calls. */
  all(): Iterable<LoadedGuest> {
    return this.byId.values();
  }
}
