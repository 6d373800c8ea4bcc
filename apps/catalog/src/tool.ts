/**
 * What operators run beside the catalog: `backup <folder>` and `restored`. Prints a report as JSON; one sentence on
 * standard error and exit code 1 where it failed, 64 where it was called wrongly.
 */
import { resolve } from 'node:path';
import { ServiceFault } from '@proxylet/nest';
import { openBlobStore } from './blob/open-store.js';
import { type CatalogConfig, loadCatalogConfig } from './catalog.config.js';
import { catalogFolder } from './catalog.module.js';
import { Database } from './database/database.js';
import { FolderLock } from './database/folder-lock.js';
import { backUp } from './operate/backup.js';
import { acknowledgeRestore } from './operate/restored.js';

class UsageFault extends Error {}

const [command, ...args] = process.argv.slice(2);
try {
  const config = loadCatalogConfig();
  const report = await run(config, command, args);
  process.stdout.write(`${JSON.stringify(report, undefined, 2)}\n`);
} catch (error) {
  process.stderr.write(`proxylet-catalog: ${error instanceof Error ? error.message : 'unknown failure'}\n`);
  process.exitCode = error instanceof UsageFault ? 64 : error instanceof ServiceFault ? error.exitCode : 1;
}

async function run(
  config: CatalogConfig,
  name: string | undefined,
  rest: readonly string[],
): Promise<unknown> {
  const [target] = rest;
  if (name === 'backup' && target !== undefined && rest.length === 1) return await backup(config, target);
  if (name === 'restored' && rest.length === 0) return await restored(config);
  throw new UsageFault('Say backup and a folder to copy into, or restored.');
}

async function backup(config: CatalogConfig, target: string): Promise<unknown> {
  if (config.databaseUrl !== undefined)
    throw new UsageFault('The catalog is in PostgreSQL: use pg_dump, then copy the archives.');
  return await backUp(catalogFolder(config), resolve(target), config.s3Endpoint === undefined);
}

async function restored(config: CatalogConfig): Promise<unknown> {
  const folder = catalogFolder(config);
  const lock = await FolderLock.take(folder);
  try {
    const database = await Database.open({ url: config.databaseUrl, folder });
    try {
      const report = await acknowledgeRestore(database, await openBlobStore(config, folder));
      if (report.missing.length > 0) process.exitCode = 1;
      return report;
    } finally {
      await database.close();
    }
  } finally {
    await lock.release();
  }
}
