import { setTimeout as delay } from 'node:timers/promises';
import { Inject, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { InjectLog, type Log } from '@proxylet/nest';
import { Database } from '../database/database.js';
import type { Notifications } from '../database/notifications.js';

/** Look again so often, ms, although the database tells: a message may be lost with its connection. */
const careMs = 10_000;
/** Where the database cannot tell. */
const pollMs = 1500;

/**
 * Hears of changes that other catalogs commit to the same PostgreSQL: by LISTEN, and by looking where that is not to
 * be had. An embedded database has no other writers.
 */
export class ChangeListener implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly stopping = new AbortController();
  private running: Promise<void> = Promise.resolve();

  constructor(
    @Inject(Database) private readonly database: Database,
    @InjectLog() private readonly log: Log,
  ) {}

  onApplicationBootstrap(): void {
    if (this.database.kind === 'postgres') this.running = this.run();
  }

  async onModuleDestroy(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      const notifications = await this.listen();
      const broken =
        notifications?.broken ?? delay(pollMs * (0.8 + Math.random() * 0.4), undefined, { signal });
      const look = setInterval(() => this.database.changes.fire(), careMs);
      const stopped = new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
      await Promise.race([broken, stopped]).catch(() => undefined);
      clearInterval(look);
      this.database.changes.fire();
      await notifications?.close();
    }
  }

  private async listen(): Promise<Notifications | undefined> {
    try {
      return await this.database.listen('proxylet_change', () => this.database.changes.fire());
    } catch (error) {
      this.log.warn({ err: error }, 'cannot listen for changes of other catalogs, looking for them instead');
      return undefined;
    }
  }
}
