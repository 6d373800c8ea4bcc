import { constants } from 'node:fs';
import { chmod, copyFile, mkdir, open, opendir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DataSource } from 'typeorm';

export interface BackupReport {
  readonly at: string;
  readonly folder: string;
  readonly databaseBytes: number;
  /** Archives in the backup, and how many of them this run copied. */
  readonly archives: number;
  readonly copied: number;
}

/**
 * Copies the embedded database and its archives while the catalog runs: first the database as it is at one moment,
 * then the archives. In this order every archive the copied database knows of is there, since archives are durable
 * before the database knows of them and stay as long as it does; the other way round some could be missing.
 *
 * A folder that holds an earlier backup is brought up to date: archives never change, so only new ones are copied.
 * `backup.json` is written last; without it a backup did not come to its end.
 *
 * @param from the catalog's own state folder
 */
export async function backUp(from: string, to: string, withArchives: boolean): Promise<BackupReport> {
  await mkdir(to, { recursive: true, mode: 0o700 });
  await rm(join(to, 'backup.json'), { force: true });
  const at = new Date().toISOString();
  const databaseBytes = await copyDatabase(join(from, 'catalog.db'), join(to, 'catalog.db'));
  await copyKey(join(from, 'secrets.key'), join(to, 'secrets.key'));
  const archives = { total: 0, copied: 0 };
  if (withArchives) await copyTree(join(from, 'blobs/sha256'), join(to, 'blobs/sha256'), archives);
  const report = { at, folder: to, databaseBytes, archives: archives.total, copied: archives.copied };
  await writeFile(join(to, 'backup.json'), `${JSON.stringify(report, undefined, 2)}\n`);
  await sync(join(to, 'backup.json'));
  await sync(to);
  return report;
}

/** One consistent, compact file without a journal beside it. */
async function copyDatabase(from: string, to: string): Promise<number> {
  await stat(from);
  const partial = `${to}.partial`;
  await rm(partial, { force: true });
  const source = new DataSource({ type: 'better-sqlite3', database: from, timeout: 30_000 });
  await source.initialize();
  try {
    await source.query('VACUUM INTO ?', [partial]);
  } finally {
    await source.destroy();
  }
  await sync(partial);
  await rename(partial, to);
  return (await stat(to)).size;
}

/** Without it the secrets in the copied database are lost; a catalog that was given its key has none here. */
async function copyKey(from: string, to: string): Promise<void> {
  if ((await sizeOf(from)) === undefined) return;
  const partial = `${to}.partial`;
  await rm(partial, { force: true });
  await copyFile(from, partial);
  await chmod(partial, 0o600);
  await sync(partial);
  await rename(partial, to);
}

async function copyTree(from: string, to: string, counts: { total: number; copied: number }): Promise<void> {
  await mkdir(to, { recursive: true, mode: 0o700 });
  for await (const entry of await opendir(from).catch(() => [])) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) await copyTree(source, target, counts);
    else if (await copyOnce(source, target)) counts.copied += 1;
    if (entry.isFile()) counts.total += 1;
  }
  await sync(to);
}

/** False where it is there already, or was cleaned up meanwhile, which happens only to what nothing refers to. */
async function copyOnce(source: string, target: string): Promise<boolean> {
  const [wanted, present] = await Promise.all([source, target].map(sizeOf));
  if (wanted === undefined || wanted === present) return false;
  const partial = `${target}.partial`;
  try {
    await copyFile(source, partial, constants.COPYFILE_FICLONE);
  } catch (error) {
    if ((await sizeOf(source)) === undefined) return false;
    throw error;
  }
  await sync(partial);
  await rename(partial, target);
  return true;
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch {
    return undefined;
  }
}

async function sync(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
