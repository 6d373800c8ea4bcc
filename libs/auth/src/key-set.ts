import { Problem } from '@proxylet/contract';
import {
  createLocalJWKSet,
  errors,
  type CryptoKey,
  type FlattenedJWSInput,
  type JWSHeaderParameters,
} from 'jose';
import { discover } from './discovery.js';
import { type Fetch, FetchFailed, fetchJson } from './fetch-json.js';
import type { IssuerProfile } from './issuer-profile.js';
import { usableKeys } from './key-document.js';
import type { KeyFile, StoredKeys } from './key-file.js';
import type { AuthLog } from './log.js';

export interface KeySetOptions {
  readonly profile: IssuerProfile;
  readonly file: KeyFile;
  readonly fetch: Fetch;
  readonly now: () => number;
  readonly random: () => number;
  readonly log: AuthLog;
  /** Called when a key that was trusted is trusted no more. */
  readonly onTrustLost: () => void;
}

const refreshEveryMs = 10 * 60_000;
const unknownKidCooldownMs = 30_000;
const firstBackOffMs = 1000;
const maxBackOffMs = 60_000;

type Resolver = ReturnType<typeof createLocalJWKSet>;

/**
 * The keys of one issuer. They are refreshed every 10 min and when a token names an unknown key (at most once in
 * 30 s, whatever is thrown at us), kept on disk, and used until `maxStaleSeconds` while the issuer is away.
 */
export class KeySet {
  #held: StoredKeys | undefined;
  #resolver: Resolver | undefined;
  #jwksUri: string | undefined;
  #pending: Promise<void> | undefined;
  /** The last write to disk; nobody who asks for a key waits for it. */
  #written: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #failures = 0;
  #notBeforeMs = 0;
  readonly #ending = new AbortController();

  constructor(private readonly options: KeySetOptions) {
    this.#jwksUri = options.profile.jwksUri;
  }

  /** Reads the keys of the last run and begins to fetch new ones; does not wait for the issuer. */
  async start(): Promise<void> {
    const stored = await this.options.file.read();
    if (stored !== undefined) this.#use(stored);
    void this.#refresh();
  }

  status(): { readonly issuer: string; readonly keys: number; readonly keysAgeSeconds: number | undefined } {
    return {
      issuer: this.options.profile.issuer,
      keys: this.#held?.jwks.keys.length ?? 0,
      keysAgeSeconds:
        this.#held === undefined
          ? undefined
          : Math.round((this.options.now() - this.#held.fetchedAtMs) / 1000),
    };
  }

  /** Breaks off what is under way; nothing is fetched or written after that. */
  async close(): Promise<void> {
    this.#ending.abort();
    clearTimeout(this.#timer);
    await this.#pending;
    await this.#written;
  }

  /**
   * The key a token names. Given to `jose.jwtVerify` as is.
   *
   * @throws Problem `idm-unavailable` where no usable key is at hand and none can be had now
   * @throws errors.JWKSNoMatchingKey and its kin where the issuer has no such key
   */
  readonly resolve = async (header: JWSHeaderParameters, token: FlattenedJWSInput): Promise<CryptoKey> => {
    if (!this.#isUsable()) await this.#refreshUnlessBackingOff();
    if (this.#resolver === undefined || !this.#isUsable()) throw this.#outage();
    try {
      return await this.#resolver(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      await this.#refreshForUnknownKid();
      if (this.#failures > 0) throw this.#outage();
      return this.#resolver(header, token);
    }
  };

  #isUsable(): boolean {
    if (this.#held === undefined) return false;
    return this.options.now() - this.#held.fetchedAtMs <= this.options.profile.maxStaleSeconds * 1000;
  }

  async #refreshUnlessBackingOff(): Promise<void> {
    if (this.#pending !== undefined || this.#failures === 0 || this.options.now() >= this.#notBeforeMs) {
      await this.#refresh();
    }
  }

  async #refreshForUnknownKid(): Promise<void> {
    if (this.#pending !== undefined || this.options.now() >= this.#notBeforeMs) await this.#refresh();
  }

  /** One fetch for all who ask at the same time; never throws. */
  #refresh(): Promise<void> {
    this.#pending ??= this.#attempt().finally(() => {
      this.#pending = undefined;
    });
    return this.#pending;
  }

  async #attempt(): Promise<void> {
    clearTimeout(this.#timer);
    const { now, profile, log } = this.options;
    try {
      const fresh = await this.#fetchKeys();
      if (this.#failures > 0) log.info({ issuer: profile.issuer }, 'keys of the issuer are reachable again');
      this.#failures = 0;
      this.#notBeforeMs = now() + unknownKidCooldownMs;
      this.#keep({ jwks: fresh, fetchedAtMs: now() });
      this.#schedule(this.#jittered(refreshEveryMs));
    } catch (error) {
      this.#fail(error);
    }
  }

  async #fetchKeys(): Promise<StoredKeys['jwks']> {
    const { fetch } = this.options;
    const uri = this.#jwksUri ?? (await this.#discoverUri());
    return usableKeys(await fetchJson(fetch, uri, { signal: this.#ending.signal }), uri);
  }

  async #discoverUri(): Promise<string> {
    const { fetch, profile } = this.options;
    const { jwks_uri: uri } = await discover(fetch, profile.issuer, {
      discovery: profile.discovery,
      signal: this.#ending.signal,
    });
    if (uri === undefined) throw new FetchFailed(`the metadata of ${profile.issuer} names no jwks_uri`);
    this.#jwksUri = uri;
    return uri;
  }

  #keep(fresh: StoredKeys): void {
    const before = this.#held;
    this.#use(fresh);
    if (before !== undefined && hasLostKeys(before, fresh)) this.options.onTrustLost();
    this.#written = this.#written.then(() => this.#write(fresh));
  }

  /** Without the file the service works on; only a restart during an outage would miss it. */
  async #write(fresh: StoredKeys): Promise<void> {
    const { file, log, profile } = this.options;
    if (this.#ending.signal.aborted) return;
    try {
      await file.write(fresh);
    } catch (error) {
      log.warn({ issuer: profile.issuer, err: error }, 'keys of the issuer could not be kept on disk');
    }
  }

  #use(stored: StoredKeys): void {
    this.#held = stored;
    this.#resolver = createLocalJWKSet(stored.jwks);
  }

  #fail(error: unknown): void {
    if (this.#ending.signal.aborted) return;
    const { now, profile, log } = this.options;
    this.#failures += 1;
    const backOffMs = this.#jittered(
      Math.min(maxBackOffMs, firstBackOffMs * 2 ** Math.min(this.#failures - 1, 10)),
    );
    this.#notBeforeMs = now() + backOffMs;
    // The address may have moved: look it up again next time.
    this.#jwksUri = profile.jwksUri;
    const reason = error instanceof FetchFailed ? error.message : 'unexpected failure';
    const expected = error instanceof FetchFailed ? {} : { err: error };
    if (this.#failures === 1 || this.#failures % 10 === 0) {
      log.warn({ issuer: profile.issuer, reason, ...expected }, 'keys of the issuer cannot be fetched');
    }
    this.#schedule(backOffMs);
  }

  #schedule(delayMs: number): void {
    if (this.#ending.signal.aborted) return;
    this.#timer = setTimeout(() => void this.#refresh(), delayMs).unref();
  }

  #jittered(ms: number): number {
    return Math.round(ms * (0.8 + 0.4 * this.options.random()));
  }

  #outage(): Problem {
    const waitMs = Math.max(1000, this.#notBeforeMs - this.options.now());
    return new Problem(
      'idm-unavailable',
      'The identity manager cannot be reached, and no key at hand fits this access token.',
      { retryAfterSeconds: Math.ceil(waitMs / 1000) },
    );
  }
}

function hasLostKeys(before: StoredKeys, after: StoredKeys): boolean {
  const kept = new Set(after.jwks.keys.map((key) => JSON.stringify(publicPart(key))));
  return before.jwks.keys.some((key) => !kept.has(JSON.stringify(publicPart(key))));
}

function publicPart({ kid, kty, n, e, crv, x, y }: StoredKeys['jwks']['keys'][number]): readonly unknown[] {
  return [kid, kty, n, e, crv, x, y];
}
