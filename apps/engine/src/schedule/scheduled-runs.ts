import type { Problem } from '@proxylet/contract';
import type { Deliveries } from '../deliveries.js';
import type { Active } from '../installations/active.js';
import type { GuestLogs } from '../logs/guest-logs.js';
import type { ScheduledRun } from './scheduler.js';

/** Runs lines of schedules as their installations' owners, and tells the installation's log what went wrong. */
export class ScheduledRuns {
  private readonly stopping = new AbortController();

  constructor(
    private readonly deliveries: Pick<Deliveries, 'deliver'>,
    private readonly logs: Pick<GuestLogs, 'add'>,
  ) {}

  readonly run = async (
    active: Active,
    { cron, dueMs, traceId }: ScheduledRun,
  ): Promise<Problem | undefined> => {
    const { signal } = this.stopping;
    const problem = await this.deliveries.deliver(active, {
      kind: 'scheduled',
      cron,
      scheduledMs: dueMs,
      signal,
      traceId,
      depth: 0,
      chain: [],
    });
    if (problem !== undefined && !signal.aborted) {
      this.log(
        active,
        'error',
        `${named(cron, dueMs)} ended with ${problem.code}: ${problem.detail}`,
        traceId,
      );
    }
    return problem;
  };

  readonly skipped = (active: Active, cron: string, dueMs: number): void => {
    this.log(active, 'warn', `${named(cron, dueMs)} is left out: the run before it is still under way.`);
  };

  /** Ends what runs: the engine stops. */
  stop(): void {
    this.stopping.abort();
  }

  private log({ record }: Active, level: 'warn' | 'error', text: string, traceId?: string): void {
    const { id: installationId, name: proxylet, version } = record;
    this.logs.add({ installationId, proxylet, version }, [{ atMs: Date.now(), level, text, traceId }]);
  }
}

function named(cron: string, dueMs: number): string {
  return `The scheduled run "${cron}" of ${new Date(dueMs).toISOString()}`;
}
