import { randomUUID } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { exitCodes, Stop, systemCode } from './stop.js';

/**
 * Makes a folder that only this user reads.
 *
 * @throws Stop 73 when it cannot be made or written
 */
export async function makePrivateFolder(folder: string): Promise<void> {
  const probe = `${folder}/.probe-${randomUUID()}`;
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await (await open(probe, 'wx', 0o600)).close();
    await rm(probe);
  } catch (error) {
    throw new Stop(
      exitCodes.cannotCreate,
      `The folder ${folder} cannot be written (${systemCode(error) ?? 'unknown reason'}): give this user the right to, or name another one in PROXYLET_STATE_DIR.`,
      { cause: error },
    );
  }
}

/** Reads a text file; undefined when there is none. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Replaces a file as a whole, mode 0600: a reader sees the old or the new text, also after a power cut. */
export async function writeSecretFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
