import { Problem } from '@proxylet/contract';
import type { RunnerLoss } from '@proxylet/sandbox';
import type { Active } from '../installations/active.js';
import type { Installation } from '../installations/installation.js';

export interface QuarantineOptions {
  /** Runners that one version of one owner's installation may end within the window. */
  readonly strikes: number;
  readonly windowMs: number;
  /** By `Guest.id`. */
  readonly find: (guestId: string) => Active | undefined;
  /** Told once for each installation that is stopped. */
  readonly onStopped: (active: Active, reason: string) => void;
  readonly now?: (() => number) | undefined;
}

/** Versions and strikes remembered; beyond it the oldest are forgotten. */
const maxRemembered = 10_000;

/**
 * What comes of versions that end their runner. The first time is a suspicion, for another guest of that runner may
 * have been the cause: the version gets a runner of its own. From there on its ends are its own doing, and after some
 * of them within a time the installation is stopped until an admin releases it or another version is installed.
 */
export class Quarantine {
  private readonly suspects = new Set<string>();
  /** Times of strikes by owner and version: removing an installation and installing it again changes nothing. */
  private readonly strikesOf = new Map<string, readonly number[]>();
  private readonly now: () => number;

  constructor(private readonly options: QuarantineOptions) {
    this.now = options.now ?? Date.now;
  }

  /** A runner ended. */
  lost({ end, culprit }: Pick<RunnerLoss, 'end' | 'culprit'>): void {
    // Ended from outside: nothing speaks against what ran.
    if (culprit === undefined || end === 'killed' || end === 'stopped') return;
    remember(this.suspects, versionKey(culprit));
    const active = this.options.find(culprit.id);
    if (active === undefined) return;
    const { record } = active;
    const strikes = [...this.recent(record), this.now()];
    this.forgetOldest();
    this.strikesOf.set(strikeKey(record), strikes);
    if (strikes.length < this.options.strikes || record.state === 'quarantined') return;
    const reason = `${record.version} ended its process ${strikes.length} times, at last by ${words[end]}`;
    active.record = { ...record, state: 'quarantined', reason, sinceMs: this.now() };
    this.options.onStopped(active, reason);
  }

  readonly isSuspect = (name: string, version: string): boolean =>
    this.suspects.size > 0 && this.suspects.has(versionKey({ name, version }));

  /** Why the installation may not run; undefined where it may. */
  refusal(record: Installation): Problem | undefined {
    if (record.state === 'quarantined') return stopped(record.name, record.reason);
    if (this.strikesOf.size === 0 || this.recent(record).length < this.options.strikes) return undefined;
    return stopped(record.name, `${record.version} ended its process again and again`);
  }

  /** It starts clean again, but in a runner of its own. */
  release(record: Installation): void {
    this.strikesOf.delete(strikeKey(record));
  }

  private recent(record: Installation): readonly number[] {
    const after = this.now() - this.options.windowMs;
    return (this.strikesOf.get(strikeKey(record)) ?? []).filter((atMs) => atMs > after);
  }

  private forgetOldest(): void {
    if (this.strikesOf.size < maxRemembered) return;
    const [oldest] = this.strikesOf.keys();
    if (oldest !== undefined) this.strikesOf.delete(oldest);
  }
}

const words: Readonly<Record<RunnerLoss['end'], string>> = {
  memory: 'its use of memory',
  hang: 'computing without an end',
  crash: 'a crash',
  protocol: 'speaking another protocol',
  killed: 'a signal',
  stopped: 'being stopped',
};

function stopped(name: string, reason: string): Problem {
  return new Problem(
    'proxylet-quarantined',
    `${name} is stopped on this engine: ${reason}. Another version may be installed, or an admin may release it.`,
  );
}

function versionKey({ name, version }: { readonly name: string; readonly version: string }): string {
  return `${name}@${version}`;
}

function strikeKey(record: Installation): string {
  return `${record.owner.key} ${versionKey(record)}`;
}

function remember(set: Set<string>, key: string): void {
  if (set.size >= maxRemembered) {
    const [oldest] = set;
    if (oldest !== undefined) set.delete(oldest);
  }
  set.add(key);
}
