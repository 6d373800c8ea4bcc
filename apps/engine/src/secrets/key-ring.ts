import { randomBytes } from 'node:crypto';
import { chmod, open, readFile, rename, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { keyBytes, type SealingKey, sealingKey } from './sealing.js';

/** The file of keys cannot be used; its sentence is for the operator and names no key. */
export class KeyFileError extends Error {
  override readonly name = 'KeyFileError';
}

export interface KeyRingOptions {
  /** File in the state folder. It is made when there is none and no keys are given. */
  readonly file: string;
  /** Keys of the configuration, the first in use; empty leaves the choice to the file. */
  readonly given: readonly Buffer[];
  /** Told where the file can be read by others than its owner; it is then closed to them. */
  readonly onOpenToOthers: (file: string) => void;
}

/** Keys that secrets are sealed with: the first seals, the others only open what was sealed before a rotation. */
export class KeyRing {
  private constructor(
    private readonly file: string,
    readonly isGiven: boolean,
    private keys: readonly SealingKey[],
  ) {}

  /** @throws KeyFileError */
  static async open({ file, given, onOpenToOthers }: KeyRingOptions): Promise<KeyRing> {
    const stored = await read(file, onOpenToOthers);
    // What the file's keys sealed stays readable when the configuration takes over.
    const keys = [...given, ...stored].map(sealingKey);
    const ring = new KeyRing(file, given.length > 0, keys);
    if (keys.length === 0) await ring.replaceBy([sealingKey(randomBytes(keyBytes))]);
    return ring;
  }

  get current(): SealingKey {
    const [key] = this.keys;
    if (key === undefined) throw new Error('a key ring is never empty');
    return key;
  }

  find(id: string): SealingKey | undefined {
    return this.keys.find((key) => key.id === id);
  }

  /** A fresh key in front; it is on the disk before anything is sealed with it. */
  async begin(): Promise<void> {
    await this.replaceBy([sealingKey(randomBytes(keyBytes)), ...this.keys]);
  }

  /** Forgets every key but the current one: what these sealed must be sealed anew before. */
  async finish(): Promise<void> {
    await this.replaceBy([this.current]);
  }

  private async replaceBy(keys: readonly SealingKey[]): Promise<void> {
    await write(this.file, keys);
    this.keys = keys;
  }
}

/** Keys in base64 (standard or URL alphabet), apart by white space or commas; undefined where the text is not that. */
export function parseKeys(text: string): Buffer[] | undefined {
  const words = text.split(/[\s,]+/).filter((word) => word !== '');
  if (words.some((word) => !/^[A-Za-z0-9+/_-]{43}=?$/.test(word))) return undefined;
  return words.map((word) => Buffer.from(word, 'base64'));
}

async function read(file: string, onOpenToOthers: (file: string) => void): Promise<Buffer[]> {
  let text: string;
  try {
    const { mode } = await stat(file);
    if ((mode & 0o077) !== 0) {
      onOpenToOthers(file);
      await chmod(file, 0o600);
    }
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw new KeyFileError('The file of the keys of secrets cannot be read.', { cause: error });
  }
  const keys = parseKeys(text);
  if (keys === undefined || keys.length === 0) {
    throw new KeyFileError(
      'The file of the keys of secrets (secrets.key) is damaged: bring it back from a backup, or remove it, which makes every stored secret unreadable.',
    );
  }
  return keys;
}

/** Written beside, synced, renamed: a death at any moment leaves the keys of before or those of after. */
async function write(file: string, keys: readonly SealingKey[]): Promise<void> {
  const beside = `${file}.new`;
  const handle = await open(beside, 'w', 0o600);
  try {
    await handle.chmod(0o600);
    await handle.writeFile(keys.map(({ bytes }) => `${bytes.toString('base64')}\n`).join(''));
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(beside, file);
  const folder = await open(dirname(file), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
