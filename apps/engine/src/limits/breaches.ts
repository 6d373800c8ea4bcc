import type { Breach, LimitName } from '@proxylet/sandbox';
import type { Installation } from '../installations/installation.js';
import type { GuestLogs } from '../logs/guest-logs.js';

/** Proxylets counted apart; those past the bound share one row, so that labels stay bounded. */
const maxProxylets = 2000;
/** Lines about one limit of one installation: one a second, however often it is broken. */
const lineEveryMs = 1000;
const maxTold = 10_000;

export interface BreachCount {
  readonly proxylet: string;
  readonly limit: LimitName;
  readonly count: number;
}

/** Every broken limit: a count for the metrics, and a line in the log of the installation. */
export class Breaches {
  private readonly counts = new Map<string, Map<LimitName, number>>();
  /** When a limit of an installation was last told of. */
  private readonly toldAtMs = new Map<string, number>();

  constructor(
    private readonly logs: Pick<GuestLogs, 'add'>,
    private readonly now: () => number = Date.now,
  ) {}

  add({ id, name, version }: Installation, { limit, detail, traceId }: Breach): void {
    this.count(name, limit);
    if (!this.mayTell(`${id} ${limit}`)) return;
    const line = { atMs: this.now(), level: 'warn', text: `Limit ${limit}: ${detail}`, traceId } as const;
    this.logs.add({ installationId: id, proxylet: name, version }, [line]);
  }

  all(): BreachCount[] {
    return [...this.counts].flatMap(([proxylet, limits]) =>
      [...limits].map(([limit, count]) => ({ proxylet, limit, count })),
    );
  }

  private count(name: string, limit: LimitName): void {
    const key = this.counts.has(name) || this.counts.size < maxProxylets ? name : 'other';
    const limits = this.counts.get(key) ?? new Map<LimitName, number>();
    limits.set(limit, (limits.get(limit) ?? 0) + 1);
    this.counts.set(key, limits);
  }

  private mayTell(key: string): boolean {
    const nowMs = this.now();
    if (nowMs - (this.toldAtMs.get(key) ?? Number.NEGATIVE_INFINITY) < lineEveryMs) return false;
    this.toldAtMs.delete(key);
    this.toldAtMs.set(key, nowMs);
    if (this.toldAtMs.size > maxTold) {
      const [oldest] = this.toldAtMs.keys();
      if (oldest !== undefined) this.toldAtMs.delete(oldest);
    }
    return true;
  }
}
