import type { Guest } from '../types.js';
import type { HostCall } from './call.js';

const maxCalls = 10_000;
/** Beyond the time that work after an answer may take, how long its call is remembered. */
const graceMs = 5000;

/**
 * Calls that are answered while work goes on under `waitUntil`. What that work asks for is still asked on behalf of
 * the caller, as deep in the chain of calls as it was: else `waitUntil` would be a way to another's identity, and out
 * of the limit on circles. Bounded by count and by time, for the runner that ends an entry may have been taken over.
 */
export class LateCalls {
  private readonly calls = new Map<number, { readonly call: HostCall; readonly untilMs: number }>();

  constructor(private readonly now: () => number = () => performance.now()) {}

  add(call: HostCall | undefined): void {
    if (call === undefined) return;
    this.forgetOld();
    this.calls.set(call.id, { call, untilMs: this.now() + call.guest.limits.timeoutMs + graceMs });
  }

  get(id: number): HostCall | undefined {
    const known = this.calls.get(id);
    return known === undefined || known.untilMs < this.now() ? undefined : known.call;
  }

  delete(id: number): void {
    this.calls.delete(id);
  }

  /** Whose work goes on. */
  guests(): Guest[] {
    this.forgetOld();
    return [...this.calls.values()].map(({ call }) => call.guest);
  }

  /** Those first in line came first; a later one with a shorter time waits for them. */
  private forgetOld(): void {
    const nowMs = this.now();
    for (const [id, { untilMs }] of this.calls) {
      if (untilMs >= nowMs && this.calls.size < maxCalls) return;
      this.calls.delete(id);
    }
  }
}
