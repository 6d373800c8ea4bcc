import type { Trust } from '../wire/messages.js';

const maxGuests = 100_000;

/** What runners have found out about guests, for their next isolate; forgotten with the engine, or by one breach. */
export class Trusted {
  private readonly byId = new Map<string, Trust>();

  of(guestId: string): Trust {
    return this.byId.get(guestId) ?? 'none';
  }

  /** @param text out of a runner, which is believed no more than what it may do to itself */
  set(guestId: string, text: string): void {
    this.byId.delete(guestId);
    if (text !== 'start' && text !== 'thread') return;
    this.byId.set(guestId, text);
    const oldest = this.byId.keys().next().value;
    if (this.byId.size > maxGuests && oldest !== undefined) this.byId.delete(oldest);
  }
}
