import { Problem } from '@proxylet/contract';
import { type CryptoKey, errors, jwtVerify } from 'jose';
import { principalOf } from './claims.js';
import type { Fetch } from './fetch-json.js';
import { type IssuerProfile, issuerListSchema } from './issuer-profile.js';
import { KeyFile } from './key-file.js';
import { KeySet } from './key-set.js';
import { type AuthLog, silentLog } from './log.js';
import type { Principal } from './principal.js';
import { assertProfile, readUnverified, TokenRefused } from './token-form.js';

export interface TokenVerifierOptions {
  readonly profiles: readonly IssuerProfile[];
  /** The `aud` a token for this service carries. */
  readonly audience: string;
  /** Folder for the issuers' keys; made when it is missing. */
  readonly cacheDir: string;
  readonly fetch?: Fetch;
  readonly now?: () => number;
  readonly random?: () => number;
  readonly log?: AuthLog;
  /** Called when an issuer withdraws a key: whatever was verified before must be verified again. */
  readonly onTrustLost?: () => void;
}

export interface Verified {
  readonly principal: Principal;
  /** The public key that verified the signature. */
  readonly key: CryptoKey;
}

interface Trust {
  readonly profile: IssuerProfile;
  readonly audiences: readonly string[];
  readonly keys: KeySet;
}

/** Decides whether an access token is genuine, for this service, and now. Knows nothing of HTTP. */
export class TokenVerifier {
  readonly #trusts: ReadonlyMap<string, Trust>;
  readonly #now: () => number;

  private constructor(trusts: readonly Trust[], now: () => number) {
    this.#trusts = new Map(trusts.map((trust) => [trust.profile.issuer, trust]));
    this.#now = now;
  }

  /**
   * Checks the profiles, reads the keys kept from the last run and starts to fetch new ones in the background.
   *
   * @throws Error with one sentence where the configuration trusts nothing or too much
   */
  static async create(options: TokenVerifierOptions): Promise<TokenVerifier> {
    const profiles = checkedProfiles(options.profiles);
    if (options.audience.trim() === '') throw new Error('The audience of this service must not be empty.');
    const { now = Date.now, random = Math.random, log = silentLog } = options;
    const trusts = profiles.map((profile) => ({
      profile,
      audiences: profile.audiences ?? [options.audience],
      keys: new KeySet({
        profile,
        file: new KeyFile(options.cacheDir, profile.issuer),
        fetch: options.fetch ?? globalThis.fetch,
        now,
        random,
        log,
        onTrustLost: options.onTrustLost ?? (() => undefined),
      }),
    }));
    await Promise.all(trusts.map(({ keys }) => keys.start()));
    return new TokenVerifier(trusts, now);
  }

  /** Every algorithm some profile accepts; never empty. */
  get algorithms(): readonly string[] {
    return [...new Set([...this.#trusts.values()].flatMap(({ profile }) => profile.algs))];
  }

  get issuers(): readonly string[] {
    return [...this.#trusts.keys()];
  }

  get audiences(): readonly string[] {
    return [...new Set([...this.#trusts.values()].flatMap(({ audiences }) => audiences))];
  }

  /** How many keys of each issuer are at hand and how old they are. */
  status(): ReturnType<KeySet['status']>[] {
    return [...this.#trusts.values()].map(({ keys }) => keys.status());
  }

  /** Ends the refreshing of keys; may be called twice. */
  async close(): Promise<void> {
    await Promise.all([...this.#trusts.values()].map(({ keys }) => keys.close()));
  }

  /**
   * @throws Problem `invalid-token`, its cause names the failed check; its text never quotes the token
   * @throws Problem `idm-unavailable` where the needed key cannot be had now
   */
  async verify(token: string): Promise<Verified> {
    try {
      return await this.#verify(token);
    } catch (error) {
      throw asProblem(error);
    }
  }

  async #verify(token: string): Promise<Verified> {
    const unverified = readUnverified(token);
    const trust = this.#trusts.get(unverified.issuer);
    if (trust === undefined) throw new TokenRefused('the issuer is not one of the configured');
    const { profile, audiences, keys } = trust;
    assertProfile(unverified, profile);
    const nowMs = this.#now();
    const { payload, key } = await jwtVerify(token, keys.resolve, {
      algorithms: [...profile.algs],
      issuer: profile.issuer,
      clockTolerance: profile.clockSkewSeconds,
      currentDate: new Date(nowMs),
    });
    return { principal: principalOf(payload, { profile, audiences, nowMs }), key };
  }
}

function checkedProfiles(profiles: readonly IssuerProfile[]): readonly IssuerProfile[] {
  const parsed = issuerListSchema.safeParse(profiles);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new Error(`The issuers are not usable: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}.`);
}

function asProblem(error: unknown): unknown {
  if (error instanceof Problem) return error;
  if (error instanceof TokenRefused && error.isGenuine) {
    return invalid(`The access token is not valid here: ${error.message}.`, error);
  }
  if (error instanceof errors.JWTExpired)
    return invalid('The access token is not valid here: it has expired.', error);
  if (error instanceof TokenRefused) return invalid(generic, error);
  // The library's errors carry the claims; only their stable code goes on.
  if (error instanceof errors.JOSEError) return invalid(generic, new TokenRefused(error.code));
  return error;
}

const generic = 'The access token is not valid here.';

function invalid(sentence: string, error: Error): Problem {
  return new Problem('invalid-token', sentence, { cause: new TokenRefused(error.message) });
}
