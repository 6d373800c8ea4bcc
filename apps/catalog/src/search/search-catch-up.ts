import { Inject, type OnModuleInit } from '@nestjs/common';
import { InjectLog, type Log } from '@proxylet/nest';
import type { EntityManager } from 'typeorm';
import { Database } from '../database/database.js';
import { findUnkept, keepNamespace } from '../confusable/confusable-sql.js';
import { skeletonOf } from '../confusable/skeleton.js';
import { indexSome } from './search-index.js';

const batch = 200;

/** Before the first request, indexes what is not indexed in this form: a catalog of before, or restored in part. */
export class SearchCatchUp implements OnModuleInit {
  constructor(
    @Inject(Database) private readonly database: Database,
    @InjectLog() private readonly log: Log,
  ) {}

  async onModuleInit(): Promise<void> {
    await this.inBatches(keepSkeletons);
    const total = await this.inBatches(indexSome);
    if (total > 0) this.log.info({ proxylets: total }, 'Proxylets were indexed for search.');
  }

  private async inBatches(work: (manager: EntityManager, most: number) => Promise<number>): Promise<number> {
    let total = 0;
    for (;;) {
      const done = await this.database.write('search catch-up', (manager) => work(manager, batch));
      total += done;
      if (done < batch) return total;
    }
  }
}

async function keepSkeletons(manager: EntityManager, most: number): Promise<number> {
  const rows = await findUnkept(manager, [most]);
  for (const { namespace } of rows) await keepNamespace(manager, [namespace, skeletonOf(namespace)]);
  return rows.length;
}
