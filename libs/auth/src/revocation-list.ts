import { createPublicKey, type KeyObject } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Problem } from '@proxylet/contract';
import { type Fetch, FetchFailed, fetchText } from './fetch-json.js';
import { type AuthLog, silentLog } from './log.js';
import type { Principal } from './principal.js';
import { type Revocations, readRevocations, revokes } from './revocations.js';

export interface RevocationListOptions {
  /** Where the list is fetched; without it only what lies in the folder counts, brought there by hand. */
  readonly url?: string | undefined;
  /** Ed25519 public key in PEM that the list must be signed with. */
  readonly key: string;
  /** Folder of `revocations.jws`; made when it is missing. */
  readonly folder: string;
  /** Age of the list from which on nobody is let in; undefined: it is used however old it is. */
  readonly maxAgeMs?: number | undefined;
  readonly fetch?: Fetch;
  readonly now?: () => number;
  readonly log?: AuthLog;
}

const lookEveryMs = 60_000;

/**
 * Tokens, users, clients and keys that must not get in although their tokens are good: a signed, numbered document. It is
 * looked at every minute, at its address and in the folder; a lower number than the last, and a signature of anybody
 * else, count for nothing. A gateway without a network takes one that was copied into the folder.
 */
export class RevocationList {
  #held: Revocations | undefined;
  #timer: NodeJS.Timeout | undefined;
  #wasStale = false;
  #looking: Promise<void> = Promise.resolve();
  readonly #ending = new AbortController();
  readonly #now: () => number;
  readonly #log: AuthLog;
  readonly #file: string;
  #onChange: () => void = () => undefined;

  private constructor(
    private readonly options: RevocationListOptions,
    private readonly key: KeyObject,
  ) {
    this.#now = options.now ?? Date.now;
    this.#log = options.log ?? silentLog;
    this.#file = join(options.folder, 'revocations.jws');
  }

  /** @throws Error with one sentence where the key is none */
  static async open(options: RevocationListOptions): Promise<RevocationList> {
    const list = new RevocationList(options, publicKeyOf(options.key));
    await list.look();
    return list;
  }

  /** @param onChange called when what was let in before must be looked at again */
  follow(onChange: () => void): void {
    this.#onChange = onChange;
    this.#timer = setInterval(() => {
      this.#looking = this.look();
    }, lookEveryMs).unref();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#ending.abort();
    await this.#looking;
  }

  status(): { readonly version: number | undefined; readonly ageSeconds: number | undefined } {
    const { version, issuedAtMs } = this.#held ?? {};
    const ageSeconds = issuedAtMs === undefined ? undefined : Math.round((this.#now() - issuedAtMs) / 1000);
    return { version, ageSeconds };
  }

  /**
   * @param kid of the key that signed the token, where one did
   * @throws Problem `invalid-token` where it was revoked, `revocations-stale` where nobody can tell any more
   */
  assertInForce(principal: Principal, kid: string | undefined): void {
    if (this.#isStale()) {
      throw new Problem(
        'revocations-stale',
        'The list of what was revoked is missing or older than is allowed here, so that nobody can be let in.',
        { retryAfterSeconds: 60 },
      );
    }
    if (this.#held !== undefined && revokes(this.#held, principal, kid)) {
      throw new Problem('invalid-token', 'The access token is not valid here: it was revoked.', {
        cause: new Error('it was revoked'),
      });
    }
  }

  /** Reads the folder, then the address. What cannot be used is told to the log. */
  async look(): Promise<void> {
    const copied = await readFile(this.#file, 'utf8').catch(() => undefined);
    if (copied !== undefined) this.#take(copied, this.#file);
    const { url, fetch = globalThis.fetch } = this.options;
    if (url !== undefined) {
      try {
        const text = await fetchText(fetch, url, { signal: this.#ending.signal });
        if (this.#take(text, url)) await this.#keep(text);
      } catch (error) {
        const reason = error instanceof FetchFailed ? error.message : 'unexpected failure';
        if (!this.#ending.signal.aborted) this.#log.warn({ reason }, 'revocations cannot be fetched');
      }
    }
    const isStale = this.#isStale();
    if (isStale && !this.#wasStale) this.#onChange();
    this.#wasStale = isStale;
  }

  #take(text: string, source: string): boolean {
    const read = readRevocations(text, this.key, this.#now());
    if (typeof read === 'string') {
      this.#log.warn({ source, reason: read }, 'a list of revocations is not used');
      return false;
    }
    if (this.#held !== undefined && read.version <= this.#held.version) return false;
    this.#held = read;
    this.#log.info({ source, version: read.version }, 'revocations are in force');
    this.#onChange();
    return true;
  }

  async #keep(text: string): Promise<void> {
    await mkdir(this.options.folder, { recursive: true, mode: 0o700 });
    const temporary = `${this.#file}.tmp`;
    await writeFile(temporary, text, { mode: 0o600 });
    await rename(temporary, this.#file);
  }

  #isStale(): boolean {
    const { maxAgeMs } = this.options;
    if (maxAgeMs === undefined) return false;
    return this.#held === undefined || this.#now() - this.#held.issuedAtMs > maxAgeMs;
  }
}

function publicKeyOf(pem: string): KeyObject {
  try {
    const key = createPublicKey(pem);
    if (key.asymmetricKeyType === 'ed25519' && !pem.includes('PRIVATE')) return key;
  } catch {
    // Said below.
  }
  throw new Error('The key of revocations must be an Ed25519 public key in PEM.');
}
