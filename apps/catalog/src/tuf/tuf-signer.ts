import { setTimeout as delay } from 'node:timers/promises';
import type { OnApplicationBootstrap, OnModuleDestroy } from '@nestjs/common';
import type { Log } from '@proxylet/nest';
import type { Database } from '../database/database.js';
import { Lease } from '../database/lease.js';
import type { TufPublisher } from './tuf-publisher.js';

/** Changes come in bursts: they are gathered for so long, ms, and longer where signing takes its time. */
const gatherMs = 500;
const shareOfTime = 20;
/** Looked at without any change, ms: documents grow old. */
const tickMs = 30_000;

/** Signs what changed, soon after it did, at one catalog of all on a database. */
export class TufSigner implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly stopping = new AbortController();
  private readonly lease: Lease;
  private running: Promise<void> = Promise.resolve();

  constructor(
    private readonly publisher: TufPublisher,
    private readonly database: Database,
    private readonly log: Log,
  ) {
    this.lease = new Lease(database, 'signed metadata');
  }

  onApplicationBootstrap(): void {
    this.running = this.run();
  }

  async onModuleDestroy(): Promise<void> {
    this.stopping.abort();
    await this.running;
    await this.lease.release().catch(() => undefined);
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      const changed = this.database.changes.next();
      const startedMs = performance.now();
      try {
        if (await this.lease.hold()) await this.publisher.publish();
      } catch (error) {
        this.log.error({ err: error }, 'what the catalog says could not be signed; it is tried again');
      }
      const tookMs = performance.now() - startedMs;
      const pause = new AbortController();
      const late = AbortSignal.any([signal, pause.signal]);
      await Promise.race([changed, delay(tickMs, undefined, { signal: late }).catch(() => undefined)]);
      pause.abort();
      await delay(Math.max(gatherMs, tookMs * shareOfTime), undefined, { signal }).catch(() => undefined);
    }
  }
}
