import { join } from 'node:path';
import { type DynamicModule, Inject, type OnApplicationShutdown } from '@nestjs/common';
import { MainChecker } from '@proxylet/artifact';
import { HealthChecks, LOG, type Log } from '@proxylet/nest';
import { BlobController } from './blob/blob.controller.js';
import { Artifacts } from './blob/artifacts.js';
import type { BlobStore } from './blob/blob-store.js';
import { Delivery } from './blob/delivery.js';
import { openBlobStore } from './blob/open-store.js';
import { bundleControllers, bundleProviders } from './bundle/parts.js';
import type { CatalogConfig } from './catalog.config.js';
import { Clock } from './clock.js';
import { Database } from './database/database.js';
import { FolderLock } from './database/folder-lock.js';
import { ledgerControllers, ledgerProviders } from './ledger/parts.js';
import { mirrorProviders } from './mirror/parts.js';
import { NamespaceController } from './namespace/namespace.controller.js';
import { NamespaceService } from './namespace/namespace.service.js';
import { provenanceControllers, provenanceProviders } from './provenance/parts.js';
import { ChannelService } from './proxylet/channel.service.js';
import { ProxyletController } from './proxylet/proxylet.controller.js';
import { ProxyletService } from './proxylet/proxylet.service.js';
import { SearchService } from './proxylet/search.service.js';
import { cleanupControllers, cleanupProviders } from './cleanup/parts.js';
import { checked } from './operate/down-reason.js';
import { operateProviders } from './operate/parts.js';
import { publishControllers, publishProviders } from './publish/parts.js';
import { ResolveController } from './resolve/resolve.controller.js';
import { ResolveService } from './resolve/resolve.service.js';
import { rightsControllers, rightsProviders } from './rights/parts.js';
import { Popularity } from './search/popularity.js';
import { SearchCatchUp } from './search/search-catch-up.js';
import { openSecretBox } from './sealing/open-box.js';
import { SecretBox } from './sealing/secret-box.js';
import { ServiceController } from './service/service.controller.js';
import { ServiceQueries } from './service/service-queries.js';
import { ServiceService } from './service/service.service.js';
import { tufControllers, tufProviders } from './tuf/parts.js';
import { BLOB_STORE } from './tokens.js';
import { webhookControllers, webhookProviders } from './webhook/parts.js';

export function catalogFolder({ stateDir }: Pick<CatalogConfig, 'stateDir'>): string {
  return join(stateDir, 'catalog');
}

/** What the catalog is made of. */
export class CatalogModule implements OnApplicationShutdown {
  constructor(
    @Inject(HealthChecks) health: HealthChecks,
    @Inject(FolderLock) private readonly lock: FolderLock,
    @Inject(Database) private readonly database: Database,
    @Inject(MainChecker) private readonly checker: MainChecker,
    @Inject(BLOB_STORE) blobs: BlobStore,
  ) {
    const isPostgres = database.kind === 'postgres';
    const isFolder = blobs.presign === undefined;
    health.add(
      'database',
      checked(isPostgres ? 'PostgreSQL' : 'The database file', () => database.probe()),
    );
    health.add(
      'storage',
      checked(isFolder ? 'The folder of archives' : 'The object store', () => blobs.probe()),
    );
  }

  static with(config: CatalogConfig): DynamicModule {
    const folder = catalogFolder(config);
    return {
      module: CatalogModule,
      controllers: [
        NamespaceController,
        ProxyletController,
        ...publishControllers,
        ...cleanupControllers,
        BlobController,
        ServiceController,
        ResolveController,
        ...ledgerControllers,
        ...rightsControllers,
        ...webhookControllers,
        ...bundleControllers,
        ...provenanceControllers,
        ...tufControllers,
      ],
      providers: [
        { provide: FolderLock, useFactory: () => FolderLock.take(folder) },
        {
          provide: Database,
          useFactory: () => Database.open({ url: config.databaseUrl, folder }),
          inject: [FolderLock],
        },
        {
          provide: SecretBox,
          useFactory: (database: Database, log: Log) =>
            openSecretBox({ database, folder, given: config.secretsKeys, log }),
          inject: [Database, LOG],
        },
        { provide: BLOB_STORE, useFactory: () => openBlobStore(config, folder) },
        {
          provide: Delivery,
          useFactory: (artifacts: Artifacts) =>
            new Delivery(artifacts, { mode: config.delivery, seconds: config.deliverySeconds }),
          inject: [Artifacts],
        },
        Clock,
        MainChecker,
        NamespaceService,
        ProxyletService,
        ChannelService,
        SearchService,
        SearchCatchUp,
        Popularity,
        ...publishProviders(config, folder),
        ...cleanupProviders(config),
        ServiceQueries,
        ServiceService,
        ResolveService,
        ...operateProviders,
        ...ledgerProviders(config),
        ...rightsProviders(config),
        ...webhookProviders(config),
        ...mirrorProviders(config),
        ...bundleProviders(config),
        ...provenanceProviders,
        ...tufProviders(config),
      ],
    };
  }

  async onApplicationShutdown(): Promise<void> {
    await this.checker.close();
    await this.database.close();
    await this.lock.release();
  }
}
