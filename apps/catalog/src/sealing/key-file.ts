import { randomBytes } from 'node:crypto';
import { chmod, link, open, readFile, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { exitCodes, ServiceFault } from '@proxylet/nest';
import { keyBytes } from './secret-box.js';

/**
 * The key of a catalog that was given none: made at the first start, readable for its owner only, never replaced.
 *
 * @throws ServiceFault where the file is damaged, or open to others and cannot be closed
 */
export async function keyOfFile(path: string): Promise<Buffer> {
  return (await read(path)) ?? (await make(path));
}

async function read(path: string): Promise<Buffer | undefined> {
  const { mode } = (await stat(path).catch(ifMissing)) ?? {};
  if (mode === undefined) return undefined;
  // Some mounts open what lies on them to a group at each start.
  if ((mode & 0o077) !== 0) await chmod(path, 0o600).catch(() => refuse(path));
  const bytes = Buffer.from((await readFile(path, 'utf8')).trim(), 'base64');
  if (bytes.length !== keyBytes) throw unusable(path, 'does not hold a key of 32 bytes in base64');
  return bytes;
}

/** Linked into its place when it is whole on the disk: of two that make it at once, one's key is both's. */
async function make(path: string): Promise<Buffer> {
  const partial = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    const file = await open(partial, 'wx', 0o600);
    try {
      await file.writeFile(`${randomBytes(keyBytes).toString('base64')}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await link(partial, path).catch(ifPresent);
    await syncFolder(dirname(path));
  } finally {
    await rm(partial, { force: true });
  }
  const made = await read(path);
  if (made === undefined) throw unusable(path, 'was made and is not there');
  return made;
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

const ifMissing = (error: unknown): undefined => onlyIf(error, 'ENOENT');
const ifPresent = (error: unknown): undefined => onlyIf(error, 'EEXIST');

function onlyIf(error: unknown, code: string): undefined {
  if (error instanceof Error && 'code' in error && error.code === code) return undefined;
  throw error;
}

function refuse(path: string): never {
  throw unusable(path, 'can be read by others, and that cannot be changed: chmod 600');
}

function unusable(path: string, why: string): ServiceFault {
  return new ServiceFault(exitCodes.stateNotWritable, `The key file ${path} ${why}.`);
}
