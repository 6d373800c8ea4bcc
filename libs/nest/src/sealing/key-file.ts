import { randomBytes } from 'node:crypto';
import { chmod, link, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { exitCodes, ServiceFault } from '../service/service-fault.js';
import { newKeyBytes, parseKeys } from './sealing-key.js';

type Put = (from: string, to: string) => Promise<void>;

/**
 * Reads the keys of a file that its owner alone may read; one that others can read is closed to them.
 *
 * @param onOpenToOthers told of such a file
 * @returns undefined where there is none
 * @throws ServiceFault with a sentence that names no key, where it is damaged or cannot be read or closed
 */
export async function readKeyFile(path: string, onOpenToOthers?: () => void): Promise<Buffer[] | undefined> {
  const text = await closedText(path, onOpenToOthers);
  if (text === undefined) return undefined;
  const keys = parseKeys(text);
  if (keys !== undefined) return keys;
  throw unusable(path, 'is damaged: bring it back from a backup, or remove it and lose what its keys sealed');
}

/** Makes the file with one new key. Of two that make it at once, one's key is both's. @throws ServiceFault */
export async function makeKeyFile(path: string): Promise<Buffer[]> {
  await place(path, [newKeyBytes()], (from, to) =>
    link(from, to).catch((error: unknown) => {
      if (!hasCode(error, 'EEXIST')) throw error;
    }),
  );
  const made = await readKeyFile(path);
  if (made === undefined) throw unusable(path, 'was made and is not there');
  return made;
}

/** A death at any moment leaves the keys of before or those of after. */
export async function replaceKeyFile(path: string, keys: readonly Buffer[]): Promise<void> {
  await place(path, keys, rename);
}

async function closedText(path: string, onOpenToOthers?: () => void): Promise<string | undefined> {
  try {
    const { mode } = await stat(path);
    if ((mode & 0o077) !== 0) {
      onOpenToOthers?.();
      await chmod(path, 0o600);
    }
    return await readFile(path, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw unusable(path, 'cannot be read, or not be closed to others (chmod 600)', error);
  }
}

/** Put into its place when it is whole on the disk. */
async function place(path: string, keys: readonly Buffer[], put: Put): Promise<void> {
  const beside = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    const file = await open(beside, 'wx', 0o600);
    try {
      await file.writeFile(keys.map((key) => `${key.toString('base64')}\n`).join(''));
      await file.sync();
    } finally {
      await file.close();
    }
    await put(beside, path);
    await syncFolder(dirname(path));
  } finally {
    await rm(beside, { force: true });
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

function unusable(path: string, why: string, cause?: unknown): ServiceFault {
  return new ServiceFault(exitCodes.stateNotWritable, `The key file ${path} ${why}.`, { cause });
}
