import { join } from 'node:path';
import type { Provider, Type } from '@nestjs/common';
import { defaultLimits, MainChecker } from '@proxylet/artifact';
import { Artifacts } from '../blob/artifacts.js';
import type { CatalogConfig } from '../catalog.config.js';
import { FolderLock } from '../database/folder-lock.js';
import { Quotas } from '../quota/quotas.js';
import { Intake } from './intake.js';
import { PublishController } from './publish.controller.js';
import { PublishService } from './publish.service.js';
import { Publisher } from './publisher.js';
import { SpoolFolder } from './spool.js';

/** What the catalog is made of as far as it takes archives in and keeps them. */
export const publishControllers: Type[] = [PublishController];

export function publishProviders(config: CatalogConfig, folder: string): Provider[] {
  return [
    Artifacts,
    Publisher,
    PublishService,
    { provide: Quotas, useFactory: () => quotasOf(config) },
    { provide: SpoolFolder, useFactory: () => openSpools(join(folder, 'staging')), inject: [FolderLock] },
    {
      provide: Intake,
      useFactory: (spools: SpoolFolder, checker: MainChecker) =>
        new Intake(spools, checker, limitsOf(config)),
      inject: [SpoolFolder, MainChecker],
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
