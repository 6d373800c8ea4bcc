import { Problem } from '@proxylet/contract';
import type { GuestCode, Sandbox } from '@proxylet/sandbox';
import type { CallMetrics } from '../data-plane/call-metrics.js';
import { Active, type GuestSettings, guestOf } from './active.js';
import type { Installation } from './installation.js';
import type { InstallationRegistry } from './registry.js';
import type { ArtifactSource } from '../install/artifact-source.js';

export interface LifecycleOptions {
  readonly registry: InstallationRegistry;
  readonly sandbox: Sandbox;
  readonly source: ArtifactSource;
  readonly metrics: CallMetrics;
  readonly settings: GuestSettings;
  /** Told when an installation's code cannot be loaded from disk any more. */
  readonly onBroken: (active: Active, problem: Problem) => void;
}

/** Beyond the longest call, how long a retired isolate may linger. */
const drainGraceMs = 5000;

/** Starts and ends what runs behind installations; knows nothing of how they come about. */
export class Lifecycle {
  constructor(private readonly options: LifecycleOptions) {}

  /**
   * A guest for the record; not yet known to anyone.
   *
   * @param secrets in place of those that are stored, while a change of them is not yet
   */
  make(record: Installation, secrets?: () => Readonly<Record<string, string>>): Active {
    const { settings, metrics, source } = this.options;
    const loadCode = async (): Promise<GuestCode> => {
      try {
        const code = await source.code(record.digest);
        active.fault = undefined;
        return code;
      } catch (error) {
        if (error instanceof Problem) this.broke(active, error);
        throw error;
      }
    };
    const guest = guestOf(record, settings, loadCode, secrets);
    const active: Active = new Active(record, guest, metrics.of(record.name, record.version));
    return active;
  }

  /** Start check beside whatever runs: every one starts, or none stays. */
  async start(next: readonly Active[]): Promise<void> {
    const { registry, sandbox } = this.options;
    for (const active of next) registry.announce(active);
    const checks = await Promise.allSettled(next.map(({ guest }) => sandbox.warm(guest)));
    const failed = checks.findIndex((check) => check.status === 'rejected');
    if (failed < 0) return;
    this.abandon(next);
    throw startFailure(next[failed]?.record, (checks[failed] as PromiseRejectedResult).reason);
  }

  /** Drops guests that never took a call. */
  abandon(next: readonly Active[]): void {
    for (const active of next) this.end(active);
  }

  /** Lets the calls in flight end first, within the time a call may take. */
  retire(active: Active): void {
    if (active.inFlight === 0) return this.end(active);
    const timer = setTimeout(() => this.end(active), active.guest.limits.timeoutMs + drainGraceMs);
    timer.unref();
    active.onIdle = () => {
      clearTimeout(timer);
      this.end(active);
    };
    return undefined;
  }

  /** At once, calls in flight included; afterwards no host service knows the guest. */
  end(active: Active): void {
    active.onIdle = undefined;
    this.options.registry.forget(active);
    this.options.sandbox.evict(active.guest.id);
  }

  private broke(active: Active, problem: Problem): void {
    active.fault = problem;
    this.options.onBroken(active, problem);
  }
}

function startFailure(record: Installation | undefined, error: unknown): unknown {
  if (!(error instanceof Problem) || record === undefined) return error;
  return new Problem(error.code, `${record.name} ${record.version} did not start: ${error.detail}`, {
    cause: error,
  });
}
