import { Problem } from '@proxylet/contract';
import type { Active } from '../installations/active.js';
import type { Installation } from '../installations/installation.js';

export interface CpuSharesOptions {
  /** Of one core. */
  readonly percent: number;
  readonly burstMs: number;
  /** Told of each call that is refused. */
  readonly onRefused: (record: Installation, detail: string) => void;
  /** Calls under way have used more than can be allowed: they are to be ended with the problem. */
  readonly onOverdrawn: (active: Active, problem: Problem) => void;
  /** Clock that never goes back, ms. */
  readonly now?: (() => number) | undefined;
}

interface Account {
  /** CPU time that may be used now, ms; below zero it has to be made up for. */
  leftMs: number;
  atMs: number;
}

const maxAccounts = 10_000;

/**
 * CPU time of each installation over time, on top of what one call may use: a bucket that fills with a share of a core
 * up to a burst. Calls begin while there is anything in it. What those under way use beyond that is owed and made up
 * for by waiting; they are ended where they owe more than another burst and the budget of one call.
 */
export class CpuShares {
  private readonly accounts = new Map<string, Account>();
  private readonly now: () => number;

  constructor(private readonly options: CpuSharesOptions) {
    this.now = options.now ?? (() => performance.now());
  }

  used(active: Active, cpuMs: number): void {
    const { id } = active.record;
    const account = this.accountOf(id);
    account.leftMs -= cpuMs;
    this.accounts.set(id, account);
    this.prune();
    if (account.leftMs > -(this.options.burstMs + active.guest.limits.cpuMs)) return;
    this.options.onOverdrawn(active, this.problem(account));
  }

  /** Why no call may begin now; undefined where one may. */
  refusal(record: Installation): Problem | undefined {
    if (!this.accounts.has(record.id)) return undefined;
    const account = this.accountOf(record.id);
    if (account.leftMs > 0) return undefined;
    const problem = this.problem(account);
    this.options.onRefused(record, problem.detail);
    return problem;
  }

  forget(installationId: string): void {
    this.accounts.delete(installationId);
  }

  private accountOf(id: string): Account {
    const { burstMs } = this.options;
    const nowMs = this.now();
    const account = this.accounts.get(id) ?? { leftMs: burstMs, atMs: nowMs };
    account.leftMs = Math.min(burstMs, account.leftMs + (nowMs - account.atMs) * this.share);
    account.atMs = nowMs;
    return account;
  }

  private problem({ leftMs }: Account): Problem {
    const { percent, burstMs } = this.options;
    return new Problem(
      'cpu-rate-limit',
      `It used more CPU over time than ${percent} % of a core and ${burstMs} ms at once.`,
      { retryAfterSeconds: Math.max(1, Math.ceil(-leftMs / this.share / 1000)) },
    );
  }

  private get share(): number {
    return this.options.percent / 100;
  }

  /** A full account says nothing that a fresh one would not. */
  private prune(): void {
    if (this.accounts.size <= maxAccounts) return;
    for (const id of this.accounts.keys()) {
      if (this.accountOf(id).leftMs >= this.options.burstMs) this.accounts.delete(id);
    }
  }
}
