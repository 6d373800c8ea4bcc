import type { Provider, Type } from '@nestjs/common';
import { LOG, type Log, Metrics } from '@proxylet/nest';
import type { BlobStore } from '../blob/blob-store.js';
import type { CatalogConfig } from '../catalog.config.js';
import { Clock } from '../clock.js';
import { Database } from '../database/database.js';
import { KeysUnderWay } from '../publish/keys-under-way.js';
import { BLOB_STORE } from '../tokens.js';
import { UploadService } from '../upload/upload.service.js';
import { Cleaner } from './cleaner.js';
import { CleanupController } from './cleanup.controller.js';
import { CleanupService } from './cleanup.service.js';

export const cleanupControllers: Type[] = [CleanupController];

export function cleanupProviders({ cleanupMinutes, cleanupGraceMinutes }: CatalogConfig): Provider[] {
  return [
    {
      provide: CleanupService,
      useFactory: (
        ...[database, blobs, uploads, clock, underWay, metrics, log]: [
          Database,
          BlobStore,
          UploadService,
          Clock,
          KeysUnderWay,
          Metrics,
          Log,
        ]
      ) =>
        new CleanupService({
          cleaner: new Cleaner(database, blobs, uploads, clock, underWay),
          database,
          clock,
          metrics,
          log,
          everyMs: cleanupMinutes * 60_000,
          graceMs: cleanupGraceMinutes * 60_000,
        }),
      inject: [Database, BLOB_STORE, UploadService, Clock, KeysUnderWay, Metrics, LOG],
    },
  ];
}
