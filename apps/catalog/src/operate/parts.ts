import type { Provider } from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import { CatalogMetrics } from './catalog-metrics.js';
import { PublishOutcome } from './publish-outcome.js';
import { StorageFaults } from './storage-faults.js';

export const operateProviders: Provider[] = [
  CatalogMetrics,
  PublishOutcome,
  { provide: APP_INTERCEPTOR, useClass: StorageFaults },
];
