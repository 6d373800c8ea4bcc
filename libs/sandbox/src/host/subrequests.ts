import { type Guest, GuestVisibleError } from '../types.js';

/** Calls remembered; the oldest is forgotten first, and has long ended then. */
const maxCalls = 4096;

/**
 * Counts what calls of one runner ask of the outside and of other proxylets. A call is counted on after its answer, as
 * long as its `waitUntil` goes on.
 */
export class Subrequests {
  private readonly counts = new Map<number, number>();

  /** Counts the operation; why it is refused, or undefined. */
  refusal({
    guest,
    callId,
    kind,
  }: {
    readonly guest: Guest;
    readonly callId: number;
    readonly kind: string;
  }): GuestVisibleError | undefined {
    if (!/^(?:fetch|call)/.test(kind)) return undefined;
    const count = (this.counts.get(callId) ?? 0) + 1;
    if (count > guest.limits.subrequests) {
      return new GuestVisibleError(
        'QuotaExceededError',
        `at most ${guest.limits.subrequests} requests in one call`,
        'subrequests',
      );
    }
    this.counts.set(callId, count);
    this.forgetOldest();
    return undefined;
  }

  private forgetOldest(): void {
    if (this.counts.size <= maxCalls) return;
    const [oldest] = this.counts.keys();
    if (oldest !== undefined) this.counts.delete(oldest);
  }
}
