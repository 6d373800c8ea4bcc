import type { Trust } from '../wire/messages.js';

const maxGuests = 100_000;

export interface Earned {
  readonly trust: Trust;
  /** Calls without a slow entry. */
  readonly credit: number;
}

const nothing: Earned = { trust: 'none', credit: 0 };

/**
 * What runners have found out about guests, for their next isolate; forgotten with the engine, or by one breach. It
 * comes out of runners, which are believed no more than what they may do to themselves.
 */
export class Trusted {
  private readonly byId = new Map<string, Earned>();

  of(guestId: string): Earned {
    return this.byId.get(guestId) ?? nothing;
  }

  /** What a runner says: a trust, or without one the credit of a guest that leaves in peace. */
  told(guestId: string, text: string, credit: number): void {
    if (text === '') this.credit(guestId, credit);
    else this.set(guestId, text);
  }

  set(guestId: string, text: string): void {
    const { credit } = this.of(guestId);
    this.byId.delete(guestId);
    if (text !== 'start' && text !== 'thread') return;
    this.keep(guestId, { trust: text, credit: text === 'thread' ? credit : 0 });
  }

  credit(guestId: string, credit: number): void {
    const { trust } = this.of(guestId);
    if (trust !== 'none') this.keep(guestId, { trust, credit });
  }

  private keep(guestId: string, earned: Earned): void {
    this.byId.set(guestId, earned);
    const oldest = this.byId.keys().next().value;
    if (this.byId.size > maxGuests && oldest !== undefined) this.byId.delete(oldest);
  }
}
