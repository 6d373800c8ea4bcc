import * as callbacks from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';

/** By file number: on the path of a publish, `FileHandle`s cost more than the disk. */
export const fs = {
  open: promisify<string, string, number | undefined, number>(callbacks.open),
  write: promisify(callbacks.write) as (
    file: number,
    bytes: Uint8Array,
  ) => Promise<{ readonly bytesWritten: number }>,
  fsync: promisify(callbacks.fsync),
  close: promisify(callbacks.close),
};

/** Makes a file durable, a new one with these bytes; never writes over one that is there. */
export async function writeDurably(path: string, bytes: Uint8Array | undefined): Promise<void> {
  const file = await fs.open(path, bytes === undefined ? 'r' : 'wx', 0o600);
  try {
    let rest = bytes ?? new Uint8Array();
    while (rest.byteLength > 0) rest = rest.subarray((await fs.write(file, rest)).bytesWritten);
    await fs.fsync(file);
  } finally {
    await fs.close(file);
  }
}

/** A folder that is open, to be synced. */
export interface OpenFolder {
  readonly file: number;
  users: number;
  isForgotten: boolean;
}

/** Folders that were put into and stay open, so that syncing one costs one call. */
export class OpenFolders {
  private readonly folders = new Map<string, OpenFolder>();

  /** Makes the folder where it is not there. To be released. */
  async use(path: string): Promise<OpenFolder> {
    const folder = this.folders.get(path) ?? (await this.open(path));
    folder.users += 1;
    return folder;
  }

  async release(folder: OpenFolder): Promise<void> {
    folder.users -= 1;
    // Never under a user: the number would stand for another file by then.
    if (folder.isForgotten && folder.users === 0) await fs.close(folder.file);
  }

  /** The next user opens it anew. */
  forget(path: string): void {
    const folder = this.folders.get(path);
    this.folders.delete(path);
    if (folder !== undefined) folder.isForgotten = true;
  }

  /** A new folder is durable only when its parent is synced too. */
  private async open(path: string): Promise<OpenFolder> {
    const first = await mkdir(path, { recursive: true });
    if (first !== undefined)
      for (let made = path; made.length >= first.length; made = dirname(made)) await sync(dirname(made));
    const folder = { file: await fs.open(path, 'r', undefined), users: 0, isForgotten: false };
    const other = this.folders.get(path);
    if (other === undefined) {
      this.folders.set(path, folder);
      return folder;
    }
    await fs.close(folder.file);
    return other;
  }
}

async function sync(path: string): Promise<void> {
  const opened = await fs.open(path, 'r', undefined);
  try {
    await fs.fsync(opened);
  } finally {
    await fs.close(opened);
  }
}
