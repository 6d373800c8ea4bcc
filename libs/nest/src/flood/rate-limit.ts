import { isIPv6 } from 'node:net';
import { Problem } from '@proxylet/contract';

export interface RateLimitOptions {
  /** Calls a minute and key, in the long run and at once. */
  readonly perMinute: number;
  /** Keys kept in memory; the one unused for longest is forgotten first. */
  readonly maxKeys?: number;
  /** Milliseconds that never go back. */
  readonly nowMs?: () => number;
}

/** So many calls a minute for each key, counted in this process: a bucket that fills again evenly. */
export class RateLimit {
  /** When the bucket of a key is full again, ms; what is full is not kept. */
  private readonly fullAtMs = new Map<string, number>();
  private readonly perMinute: number;
  private readonly maxKeys: number;
  private readonly nowMs: () => number;

  constructor({ perMinute, maxKeys = 10_000, nowMs = () => performance.now() }: RateLimitOptions) {
    this.perMinute = perMinute;
    this.maxKeys = maxKeys;
    this.nowMs = nowMs;
  }

  /** @throws Problem `too-many-requests`, with the time to wait */
  take(key: string): void {
    const now = this.nowMs();
    const fullAt = this.fullAtAfterOneMore(key, now);
    const waitMs = fullAt - now - 60_000;
    // A thousandth of a millisecond is what the sum of fractions may be off.
    if (waitMs > 0.001) throw this.refusal(waitMs);
    this.keep(key, fullAt, now);
  }

  /** As `take`, without taking. @throws Problem `too-many-requests` */
  assertSpace(key: string): void {
    const now = this.nowMs();
    const waitMs = this.fullAtAfterOneMore(key, now) - now - 60_000;
    if (waitMs > 0.001) throw this.refusal(waitMs);
  }

  /** Counts one, also where there is no space any more; what is due is never more than a minute's. */
  add(key: string): void {
    const now = this.nowMs();
    this.keep(key, Math.min(this.fullAtAfterOneMore(key, now), now + 60_000), now);
  }

  private fullAtAfterOneMore(key: string, now: number): number {
    return Math.max(this.fullAtMs.get(key) ?? 0, now) + 60_000 / this.perMinute;
  }

  private refusal(waitMs: number): Problem {
    const sentence = `More than ${this.perMinute} calls a minute are not taken.`;
    return new Problem('too-many-requests', sentence, { retryAfterSeconds: Math.ceil(waitMs / 1000) });
  }

  private keep(key: string, fullAt: number, now: number): void {
    this.fullAtMs.delete(key);
    this.fullAtMs.set(key, fullAt);
    if (this.fullAtMs.size > this.maxKeys) this.forget(now);
  }

  /** Keys in memory. */
  get size(): number {
    return this.fullAtMs.size;
  }

  private forget(now: number): void {
    for (const [key, fullAt] of this.fullAtMs) {
      if (this.fullAtMs.size <= this.maxKeys && fullAt > now) return;
      this.fullAtMs.delete(key);
    }
  }
}

/** What counts as one caller: an IPv4 address, or the /64 of an IPv6 one, which one host has to itself. */
export function callerAddress(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  if (!isIPv6(address)) return address;
  const [head = '', tail = ''] = address.replace(/%.*$/, '').split('::');
  const first = head === '' ? [] : head.split(':');
  const last = tail === '' ? [] : tail.split(':');
  const zeros = Array.from({ length: Math.max(0, 8 - first.length - last.length) }, () => '0');
  return [...first, ...zeros, ...last]
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':');
}
