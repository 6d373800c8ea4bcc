import { createHash, randomBytes } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { JSONWebKeySet } from 'jose';
import { z } from 'zod';
import { usableKeys } from './key-document.js';

/** The last good key set of an issuer and when it was fetched, ms since the epoch. */
export interface StoredKeys {
  readonly jwks: JSONWebKeySet;
  readonly fetchedAtMs: number;
}

const fileSchema = z.object({ issuer: z.string(), fetchedAtMs: z.number().finite(), jwks: z.unknown() });

/** One issuer's keys on disk, so that a restart while the identity manager is away still verifies tokens. */
export class KeyFile {
  readonly #folder: string;
  readonly #path: string;

  constructor(
    folder: string,
    private readonly issuer: string,
  ) {
    this.#folder = folder;
    this.#path = join(folder, `${createHash('sha256').update(issuer).digest('hex').slice(0, 32)}.json`);
  }

  /** Undefined where there is no file or its content is damaged or another issuer's. */
  async read(): Promise<StoredKeys | undefined> {
    try {
      const parsed = fileSchema.parse(JSON.parse(await readFile(this.#path, 'utf8')));
      if (parsed.issuer !== this.issuer) return undefined;
      return { jwks: usableKeys(parsed.jwks, this.#path), fetchedAtMs: parsed.fetchedAtMs };
    } catch {
      return undefined;
    }
  }

  /** Atomic: a reader, and a crash at any moment, finds the old or the new file. */
  async write({ jwks, fetchedAtMs }: StoredKeys): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const temporary = `${this.#path}.${randomBytes(6).toString('hex')}.tmp`;
    try {
      const file = await open(temporary, 'wx', 0o600);
      try {
        await file.writeFile(JSON.stringify({ issuer: this.issuer, fetchedAtMs, jwks }));
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, this.#path);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  }
}
