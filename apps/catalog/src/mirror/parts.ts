import type { Provider } from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import { clientCredentials, type TokenSource } from '@proxylet/auth';
import { LOG, type Log } from '@proxylet/nest';
import { Artifacts } from '../blob/artifacts.js';
import type { BlobStore } from '../blob/blob-store.js';
import type { CatalogConfig } from '../catalog.config.js';
import { Clock } from '../clock.js';
import { Database } from '../database/database.js';
import { Intake } from '../publish/intake.js';
import { BLOB_STORE } from '../tokens.js';
import { MirrorFollower } from './mirror-follower.js';
import { MirrorInterceptor } from './mirror.interceptor.js';
import { MirrorSync } from './mirror-sync.js';
import { Mirror } from './mirror.js';
import { NamespaceOrigin } from './namespace-origin.js';
import { UpstreamCatalog } from './upstream-catalog.js';
import { UpstreamClient } from './upstream-client.js';

/** What the catalog is made of as far as it mirrors another one; next to nothing where it does not. */
export function mirrorProviders(config: CatalogConfig): Provider[] {
  const { upstreamUrl } = config;
  const origin = { provide: NamespaceOrigin, useValue: new NamespaceOrigin(upstreamUrl !== undefined) };
  if (upstreamUrl === undefined) return [origin];
  const upstream = new UpstreamCatalog(
    new UpstreamClient({
      url: upstreamUrl,
      tokens: tokensOf(config),
      timeoutMs: config.upstreamTimeoutMs,
    }),
  );
  return [
    origin,
    {
      provide: MirrorSync,
      useFactory: (database: Database, clock: Clock) => new MirrorSync(database, upstream, clock),
      inject: [Database, Clock],
    },
    {
      provide: Mirror,
      useFactory: (...[database, sync, intake, artifacts, blobs, clock]: MirrorDependencies) =>
        new Mirror({ database, upstream, sync, intake, artifacts, blobs, clock }),
      inject: [Database, MirrorSync, Intake, Artifacts, BLOB_STORE, Clock],
    },
    {
      provide: MirrorFollower,
      useFactory: (database: Database, sync: MirrorSync, clock: Clock, log: Log) =>
        new MirrorFollower({ database, upstream, sync, clock, log }),
      inject: [Database, MirrorSync, Clock, LOG],
    },
    {
      provide: APP_INTERCEPTOR,
      useFactory: (mirror: Mirror) => new MirrorInterceptor(mirror),
      inject: [Mirror],
    },
  ];
}

type MirrorDependencies = [Database, MirrorSync, Intake, Artifacts, BlobStore, Clock];

function tokensOf(config: CatalogConfig): TokenSource {
  const { upstreamClientId: clientId, upstreamClientSecret: clientSecret } = config;
  if (clientId === undefined || clientSecret === undefined)
    throw new Error('A mirror needs a client to read upstream with.');
  return clientCredentials({
    issuer: config.issuers[0]?.issuer,
    tokenEndpoint: config.upstreamTokenUrl,
    clientId,
    clientSecret,
    resource: config.upstreamAudience,
    scope: 'catalog:read',
  });
}
