import type { Provider, Type } from '@nestjs/common';
import type { CatalogConfig } from '../catalog.config.js';
import { AuditController } from './audit.controller.js';
import { AuditService } from './audit.service.js';
import { ChangeListener } from './change-listener.js';
import { FeedController } from './feed.controller.js';
import { FeedFollower } from './feed-follower.js';
import { FeedKeeper } from './feed-keeper.js';
import { FeedService } from './feed.service.js';
import { ServiceSight } from './service-sight.js';
import { Database } from '../database/database.js';

/** What the catalog is made of as far as it records and tells what changed. */
export const ledgerControllers: Type[] = [AuditController, FeedController];

export function ledgerProviders(config: CatalogConfig): Provider[] {
  return [
    AuditService,
    ServiceSight,
    FeedService,
    FeedFollower,
    ChangeListener,
    {
      provide: FeedKeeper,
      useFactory: (database: Database) => new FeedKeeper(database, config.changesKept),
      inject: [Database],
    },
  ];
}
