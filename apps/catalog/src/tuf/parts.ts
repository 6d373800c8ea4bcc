import type { Provider, Type } from '@nestjs/common';
import { LOG, type Log } from '@proxylet/nest';
import { Clock } from '../clock.js';
import { Database } from '../database/database.js';
import { SecretBox } from '../sealing/secret-box.js';
import { TufController } from './tuf.controller.js';
import { TufPublisher } from './tuf-publisher.js';
import { TufSigner } from './tuf-signer.js';

/** What the catalog is made of as far as it signs what it says. */
export const tufControllers: Type[] = [TufController];

export function tufProviders({ signedMetadata }: { readonly signedMetadata: boolean }): Provider[] {
  if (!signedMetadata) return [];
  return [
    {
      provide: TufPublisher,
      useFactory: (database: Database, box: SecretBox, clock: Clock) =>
        new TufPublisher(database, box, clock),
      inject: [Database, SecretBox, Clock],
    },
    {
      provide: TufSigner,
      useFactory: (publisher: TufPublisher, database: Database, log: Log) =>
        new TufSigner(publisher, database, log),
      inject: [TufPublisher, Database, LOG],
    },
  ];
}
