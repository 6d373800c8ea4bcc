import type { Active } from './active.js';
import { type Installation, sharedOwnerKey } from './installation.js';

/** @param next installed or changed; @param gone removed for good */
export type Watcher = (next: readonly Active[], gone: readonly Active[]) => void;

/**
 * Every installation that takes calls, in memory: finding the one a call means costs two look-ups and no I/O.
 * Changed only by `switchTo`, in one synchronous step, so that no call sees half of a change.
 */
export class InstallationRegistry {
  private readonly byOwner = new Map<string, Map<string, Active>>();
  private readonly byGuest = new Map<string, Active>();
  private readonly watchers: Watcher[] = [];
  private count = 0;

  /** The owner's own, else the shared one of that name. */
  find(ownerKey: string, name: string): Active | undefined {
    return this.byOwner.get(ownerKey)?.get(name) ?? this.byOwner.get(sharedOwnerKey)?.get(name);
  }

  /** The owner's own only. */
  own(ownerKey: string, name: string): Active | undefined {
    return this.byOwner.get(ownerKey)?.get(name);
  }

  /** By `Guest.id`; also finds a retired one while its last calls run. */
  guest(guestId: string): Active | undefined {
    return this.byGuest.get(guestId);
  }

  recordsOf(ownerKey: string): Installation[] {
    return [...(this.byOwner.get(ownerKey)?.values() ?? [])].map(({ record }) => record);
  }

  records(): Installation[] {
    return [...this.byOwner.values()].flatMap((own) => [...own.values()].map(({ record }) => record));
  }

  all(): Active[] {
    return [...this.byOwner.values()].flatMap((own) => Array.from(own.values()));
  }

  get size(): number {
    return this.count;
  }

  /** Makes a guest known to its host services before it takes calls, for its start check. */
  announce(active: Active): void {
    this.byGuest.set(active.guest.id, active);
  }

  /** Forgets a guest that has no calls left, or never took any. */
  forget(active: Active): void {
    if (this.byGuest.get(active.guest.id) === active) this.byGuest.delete(active.guest.id);
  }

  /** Puts all of `next` in place and takes all of `gone` out; answers what no longer takes calls. */
  switchTo(next: readonly Active[], gone: readonly Active[] = []): Active[] {
    const retired: Active[] = [...gone];
    for (const active of gone) this.take(active);
    for (const active of next) {
      const { owner, name } = active.record;
      const before = this.own(owner.key, name);
      if (before !== undefined) retired.push(before);
      this.put(active);
    }
    for (const watcher of this.watchers) watcher(next, gone);
    return retired;
  }

  /** Tells of every change from now on, right after it. */
  watch(watcher: Watcher): void {
    this.watchers.push(watcher);
  }

  private put(active: Active): void {
    const { owner, name } = active.record;
    let own = this.byOwner.get(owner.key);
    if (own === undefined) {
      own = new Map();
      this.byOwner.set(owner.key, own);
    }
    if (!own.has(name)) this.count += 1;
    own.set(name, active);
    this.announce(active);
  }

  private take({ record: { owner, name } }: Active): void {
    const own = this.byOwner.get(owner.key);
    if (own?.delete(name) !== true) return;
    this.count -= 1;
    if (own.size === 0) this.byOwner.delete(owner.key);
  }
}
