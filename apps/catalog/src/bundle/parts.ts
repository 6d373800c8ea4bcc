import type { Provider, Type } from '@nestjs/common';
import type { BlobStore } from '../blob/blob-store.js';
import type { CatalogConfig } from '../catalog.config.js';
import { Clock } from '../clock.js';
import { Database } from '../database/database.js';
import { Mirror } from '../mirror/mirror.js';
import { NamespaceService } from '../namespace/namespace.service.js';
import { Intake } from '../publish/intake.js';
import { SpoolFolder } from '../publish/spool.js';
import { Quotas } from '../quota/quotas.js';
import { ServiceService } from '../service/service.service.js';
import { BLOB_STORE } from '../tokens.js';
import { BundleChooser } from './bundle-choice.js';
import { BundleWriter } from './bundle-writer.js';
import { BundleController } from './bundle.controller.js';
import { ImportWriter } from './import-writer.js';
import { ImportService } from './import.service.js';

/** What the catalog is made of as far as it exports and imports. */
export const bundleControllers: Type[] = [BundleController];

type Dependencies = [
  Database,
  BlobStore,
  SpoolFolder,
  Intake,
  NamespaceService,
  ServiceService,
  Quotas,
  Clock,
  Mirror | undefined,
];

export function bundleProviders({ importMaxMb }: CatalogConfig): Provider[] {
  return [
    BundleChooser,
    BundleWriter,
    {
      provide: ImportService,
      useFactory: (
        ...[database, blobs, spools, intake, namespaces, services, quotas, clock, mirror]: Dependencies
      ) =>
        new ImportService({
          database,
          blobs,
          spools,
          intake,
          namespaces,
          clock,
          mirror,
          writer: new ImportWriter(namespaces, services, quotas),
          maxBytes: importMaxMb * 1024 * 1024,
        }),
      inject: [
        Database,
        BLOB_STORE,
        SpoolFolder,
        Intake,
        NamespaceService,
        ServiceService,
        Quotas,
        Clock,
        { token: Mirror, optional: true },
      ],
    },
  ];
}
