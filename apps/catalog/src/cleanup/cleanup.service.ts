import type { OnApplicationBootstrap, OnModuleDestroy } from '@nestjs/common';
import { enforce, type Principal } from '@proxylet/auth';
import type { Log, Metrics } from '@proxylet/nest';
import { Counter, Gauge } from 'prom-client';
import { writeAudit } from '../audit.js';
import type { Clock } from '../clock.js';
import type { Database } from '../database/database.js';
import type { Cleaner, CleanupOptions, CleanupReport } from './cleaner.js';

export interface CleanupParts {
  readonly cleaner: Cleaner;
  readonly database: Database;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly log: Log;
  /** Between two runs; 0: only when an admin asks. */
  readonly everyMs: number;
  readonly graceMs: number;
}

/** Runs the clean-up from time to time and when an admin asks, one at a time. */
export class CleanupService implements OnApplicationBootstrap, OnModuleDestroy {
  private timer: NodeJS.Timeout | undefined;
  private last: Promise<unknown> = Promise.resolve();
  private readonly deleted: Counter<'what'>;
  private readonly freed: Counter;
  private readonly lastRun: Gauge;

  constructor(private readonly parts: CleanupParts) {
    const registers = [parts.metrics.registry];
    this.deleted = new Counter({
      name: 'proxylet_catalog_cleanup_deleted_total',
      help: 'Things the clean-up deleted.',
      labelNames: ['what'],
      registers,
    });
    this.freed = new Counter({
      name: 'proxylet_catalog_cleanup_freed_bytes_total',
      help: 'Bytes the clean-up freed in the store.',
      registers,
    });
    this.lastRun = new Gauge({
      name: 'proxylet_catalog_cleanup_last_success_timestamp_seconds',
      help: 'When a clean-up last came to its end.',
      registers,
    });
  }

  onApplicationBootstrap(): void {
    const { everyMs, graceMs, log } = this.parts;
    if (everyMs === 0) return;
    const run = async (): Promise<void> => {
      try {
        await this.run({ dryRun: false, graceMs });
      } catch (error) {
        log.warn({ err: error }, 'the clean-up of the store failed; it is tried again');
      }
    };
    this.timer = setInterval(() => void run(), everyMs);
    this.timer.unref();
  }

  /** Waits for a run under way, so that the database is not closed under it. */
  async onModuleDestroy(): Promise<void> {
    clearInterval(this.timer);
    this.parts.cleaner.stop();
    await this.last;
  }

  /** @throws Problem `insufficient-scope`, `forbidden` for all but platform admins, `storage-unavailable` */
  async runFor(principal: Principal, dryRun: boolean, graceMs = this.parts.graceMs): Promise<CleanupReport> {
    enforce(principal, 'catalog.admin', {}, 'the clean-up');
    const report = await this.run({ dryRun, graceMs });
    const { database, clock } = this.parts;
    if (!dryRun) {
      await database.write('cleanup', (manager) =>
        writeAudit(manager, {
          at: clock.now(),
          actor: principal.key,
          action: 'cleanup.run',
          target: 'store',
          namespace: '',
          detail: { ...report },
        }),
      );
    }
    return report;
  }

  private async run(options: CleanupOptions): Promise<CleanupReport> {
    const turn = this.last.then(() => this.parts.cleaner.run(options));
    this.last = turn.catch(() => undefined);
    const report = await turn;
    if (!options.dryRun) this.observe(report);
    return report;
  }

  private observe({
    orphans,
    unneeded,
    uploads,
    uploadParts,
    answers,
    tokens,
    ...report
  }: CleanupReport): void {
    for (const [what, count] of Object.entries({ orphans, unneeded, uploads, uploadParts, answers, tokens }))
      this.deleted.inc({ what }, count);
    this.freed.inc(report.orphanBytes + report.unneededBytes);
    this.lastRun.setToCurrentTime();
  }
}
