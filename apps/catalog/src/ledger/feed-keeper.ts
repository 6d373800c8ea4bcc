import type { OnApplicationBootstrap, OnModuleDestroy } from '@nestjs/common';
import type { Database } from '../database/database.js';

const everyMs = 3_600_000;

/** Lets the oldest changes go, so that the feed stays of a size; the audit keeps them all. */
export class FeedKeeper implements OnApplicationBootstrap, OnModuleDestroy {
  private timer: NodeJS.Timeout | undefined;

  /** @param kept changes to keep at least */
  constructor(
    private readonly database: Database,
    private readonly kept: number,
  ) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => void this.trim().catch(() => undefined), everyMs);
    this.timer.unref();
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
  }

  /** Safe to run at several catalogs at once. */
  async trim(): Promise<void> {
    await this.database.write('trim changes', async (manager) => {
      await manager.query(`DELETE FROM change WHERE seq <= (SELECT MAX(seq) FROM change) - ${this.kept}`);
    });
  }
}
