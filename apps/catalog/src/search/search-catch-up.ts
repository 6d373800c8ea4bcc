import { Inject, type OnModuleInit } from '@nestjs/common';
import { formatName } from '@proxylet/contract';
import { InjectLog, type Log } from '@proxylet/nest';
import { findUnkept, keepNamespace } from '../confusable/confusable-sql.js';
import { skeletonOf } from '../confusable/skeleton.js';
import { Database } from '../database/database.js';
import { indexProxylet } from './search-index.js';
import { findUnindexed } from './search-sql.js';
import { indexFormat } from './terms.js';

const batch = 200;

/** Before the first request, indexes what is not indexed in this form: a catalog of before, or restored in part. */
export class SearchCatchUp implements OnModuleInit {
  constructor(
    @Inject(Database) private readonly database: Database,
    @InjectLog() private readonly log: Log,
  ) {}

  async onModuleInit(): Promise<void> {
    while ((await this.keepSkeletons()) === batch);
    let total = 0;
    for (let done = batch; done === batch; total += done) done = await this.indexSome();
    if (total > 0) this.log.info({ proxylets: total }, 'Proxylets were indexed for search.');
  }

  private async keepSkeletons(): Promise<number> {
    const rows = await findUnkept(this.database.read, [batch]);
    if (rows.length === 0) return 0;
    await this.database.write('search catch-up', async (manager) => {
      for (const { namespace } of rows) await keepNamespace(manager, [namespace, skeletonOf(namespace)]);
    });
    return rows.length;
  }

  /** With the topics of what it indexes: another catalog on the database may be publishing. */
  private async indexSome(): Promise<number> {
    const rows = await findUnindexed(this.database.read, [indexFormat, batch]);
    if (rows.length === 0) return 0;
    const topics = rows.map((row) => `proxylet ${formatName(row)}`);
    await this.database.write(topics, async (manager) => {
      for (const { id } of rows) await indexProxylet(manager, id);
    });
    return rows.length;
  }
}
