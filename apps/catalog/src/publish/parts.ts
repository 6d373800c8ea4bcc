import { join } from 'node:path';
import type { Provider, Type } from '@nestjs/common';
import { defaultLimits, MainChecker } from '@proxylet/artifact';
import { Artifacts } from '../blob/artifacts.js';
import type { BlobStore } from '../blob/blob-store.js';
import type { CatalogConfig } from '../catalog.config.js';
import { Clock } from '../clock.js';
import { Database } from '../database/database.js';
import { FolderLock } from '../database/folder-lock.js';
import { NamespaceService } from '../namespace/namespace.service.js';
import { QuotaController } from '../quota/quota.controller.js';
import { QuotaService } from '../quota/quota.service.js';
import { Quotas } from '../quota/quotas.js';
import { BLOB_STORE } from '../tokens.js';
import { UploadController } from '../upload/upload.controller.js';
import { UploadService } from '../upload/upload.service.js';
import { Intake } from './intake.js';
import { KeysUnderWay } from './keys-under-way.js';
import { PublicationController } from './publication.controller.js';
import { PublicationService } from './publication.service.js';
import { PublishController } from './publish.controller.js';
import { PublishService } from './publish.service.js';
import { Publisher } from './publisher.js';
import { SpoolFolder } from './spool.js';

type UploadDependencies = [Database, BlobStore, SpoolFolder, NamespaceService, Quotas, Clock];

/** What the catalog is made of as far as it takes archives in and keeps them. */
export const publishControllers: Type[] = [
  PublishController,
  PublicationController,
  UploadController,
  QuotaController,
];

export function publishProviders(config: CatalogConfig, folder: string): Provider[] {
  return [
    Artifacts,
    KeysUnderWay,
    Publisher,
    PublishService,
    PublicationService,
    QuotaService,
    { provide: Quotas, useFactory: () => quotasOf(config) },
    { provide: SpoolFolder, useFactory: () => openSpools(join(folder, 'staging')), inject: [FolderLock] },
    {
      provide: Intake,
      useFactory: (spools: SpoolFolder, checker: MainChecker) =>
        new Intake(spools, checker, limitsOf(config)),
      inject: [SpoolFolder, MainChecker],
    },
    {
      provide: UploadService,
      useFactory: (...[database, blobs, spools, namespaces, quotas, clock]: UploadDependencies) =>
        new UploadService({
          database,
          blobs,
          spools,
          namespaces,
          quotas,
          clock,
          maxBytes: config.maxPackedBytes,
          keptMs: config.uploadHours * 3_600_000,
        }),
      inject: [Database, BLOB_STORE, SpoolFolder, NamespaceService, Quotas, Clock],
    },
  ];
}

function limitsOf({ maxPackedBytes, maxUnpackedBytes, maxFiles }: CatalogConfig): typeof defaultLimits {
  return {
    ...defaultLimits,
    packedBytes: maxPackedBytes,
    unpackedBytes: maxUnpackedBytes,
    fileBytes: Math.min(defaultLimits.fileBytes, maxUnpackedBytes),
    entries: maxFiles,
  };
}

function quotasOf(config: CatalogConfig): Quotas {
  return new Quotas({
    bytes: config.quotaBytes,
    proxylets: config.quotaProxylets,
    versions: config.quotaVersions,
    publishesPerHour: config.quotaPublishesPerHour,
    uploads: config.quotaUploads,
  });
}

async function openSpools(folder: string): Promise<SpoolFolder> {
  const spools = new SpoolFolder(folder);
  await spools.open();
  return spools;
}
