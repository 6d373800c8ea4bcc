import { Inject, type OnModuleInit } from '@nestjs/common';
import { InjectLog, type Log } from '@proxylet/nest';
import { Database } from '../database/database.js';
import { indexSome } from './search-index.js';

const batch = 200;

/** Before the first request, indexes what is not indexed in this form: a catalog of before, or restored in part. */
export class SearchCatchUp implements OnModuleInit {
  constructor(
    @Inject(Database) private readonly database: Database,
    @InjectLog() private readonly log: Log,
  ) {}

  async onModuleInit(): Promise<void> {
    let total = 0;
    let done: number;
    do {
      done = await this.database.write('search catch-up', (manager) => indexSome(manager, batch));
      total += done;
    } while (done === batch);
    if (total > 0) this.log.info({ proxylets: total }, 'Proxylets were indexed for search.');
  }
}
