import { Problem } from '@proxylet/contract';
import { type CryptoKey, errors, jwtVerify } from 'jose';
import { isCompact } from './bearer.js';
import { principalOf } from './claims.js';
import { ClockFloor } from './clock-floor.js';
import type { Fetch } from './fetch-json.js';
import { hasKeys, type IssuerProfile, takesOpaque } from './issuer-profile.js';
import { KeyFile } from './key-file.js';
import { KeySet } from './key-set.js';
import { principalOfKeyrockJwt } from './keyrock.js';
import { type AuthLog, silentLog } from './log.js';
import { OpaqueTokens } from './opaque-tokens.js';
import type { Principal } from './principal.js';
import type { RevocationList } from './revocation-list.js';
import { assertProfile, readUnverified, TokenRefused, type UnverifiedToken } from './token-form.js';

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
  /** What was revoked; without it nothing is. It is closed with the verifier. */
  readonly revocations?: RevocationList | undefined;
  /** Called when an issuer withdraws a key, or something is revoked: whatever was verified before must be verified again. */
  readonly onTrustLost?: () => void;
}

export interface Verified {
  readonly principal: Principal;
  /** The public key that verified the signature; none where the issuer was asked, or shares a secret with us. */
  readonly key: CryptoKey | undefined;
  /** Id of that key, as the token names it. */
  readonly kid?: string | undefined;
}

interface Trust {
  readonly profile: IssuerProfile;
  readonly audiences: readonly string[];
  readonly keys: KeySet;
}

/** Decides whether an access token is genuine, for this service, and now. Knows nothing of HTTP. */
export class TokenVerifier {
  readonly #trusts: ReadonlyMap<string, Trust>;
  /** Profiles of JWTs signed by Keyrock, by the applications they accept. */
  readonly #keyrock: ReadonlyMap<string, IssuerProfile>;
  readonly #opaque: OpaqueTokens | undefined;
  readonly #profiles: readonly IssuerProfile[];
  readonly #now: () => number;
  readonly #revocations: RevocationList | undefined;

  private constructor(
    trusts: readonly Trust[],
    opaque: OpaqueTokens | undefined,
    private readonly floor: ClockFloor,
    options: TokenVerifierOptions,
  ) {
    this.#trusts = new Map(trusts.map((trust) => [trust.profile.issuer, trust]));
    this.#keyrock = new Map(options.profiles.flatMap(keyrockApps));
    this.#opaque = opaque;
    this.#profiles = options.profiles;
    this.#now = options.now ?? Date.now;
    this.#revocations = options.revocations;
    options.revocations?.follow(() => {
      opaque?.forget();
      options.onTrustLost?.();
    });
  }

  /**
   * Reads the keys kept from the last run and starts to fetch new ones in the background.
   *
   * @param options `profiles` as `issuerListSchema` gives them
   * @throws Error with one sentence where the configuration trusts nothing
   */
  static async create(options: TokenVerifierOptions): Promise<TokenVerifier> {
    const { profiles, audience, log = silentLog } = options;
    if (profiles.length === 0) throw new Error('The configuration must name at least one issuer.');
    if (audience.trim() === '') throw new Error('The audience of this service must not be empty.');
    const trusts = profiles.filter(hasKeys).map((profile) => trustIn(profile, options));
    for (const { issuer } of profiles.filter(({ preset }) => preset === 'keyrock-jwt')) {
      log.warn({ issuer }, 'whoever reads the jwtSecret of this service can make tokens of any user');
    }
    await Promise.all(trusts.map(({ keys }) => keys.start()));
    const floor = await ClockFloor.open({ folder: options.cacheDir, now: options.now ?? Date.now });
    return new TokenVerifier(trusts, opaqueTokens(options), floor, options);
  }

  /** Every algorithm some issuer with keys signs with; empty where there is none such. */
  get algorithms(): readonly string[] {
    return [...new Set([...this.#trusts.values()].flatMap(({ profile }) => profile.algs))];
  }

  get issuers(): readonly string[] {
    return this.#profiles.map(({ issuer }) => issuer);
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
    this.#opaque?.close();
    await this.#revocations?.close();
    await this.floor.close();
    await Promise.all([...this.#trusts.values()].map(({ keys }) => keys.close()));
  }

  /** Whether a token is to be checked with an issuer's published keys. What cannot be read is for `verify` to refuse. */
  isForKeys(token: string): boolean {
    try {
      return this.#keyrockProfile(readUnverified(token)) === undefined;
    } catch {
      return false;
    }
  }

  /**
   * @throws Problem `invalid-token`, its cause names the failed check; its text never quotes the token
   * @throws Problem `clock-untrusted` where no time can be told from the clock
   * @throws Problem `idm-unavailable` where the needed key, or the issuer's word, cannot be had now
   */
  async verify(token: string): Promise<Verified> {
    this.floor.assert();
    try {
      const verified = await this.#verify(token);
      this.#revocations?.assertInForce(verified.principal, verified.kid);
      if (verified.key !== undefined) this.floor.witness(verified.principal.issuedAtMs);
      return verified;
    } catch (error) {
      throw asProblem(error);
    }
  }

  async #verify(token: string): Promise<Verified> {
    if (!isCompact(token)) return { principal: await this.#verifyOpaque(token), key: undefined };
    const unverified = readUnverified(token);
    const ofKeyrock = this.#keyrockProfile(unverified);
    if (ofKeyrock !== undefined) return this.#verifyShared(token, unverified, ofKeyrock);
    const trust = this.#trusts.get(unverified.issuer ?? '');
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
    return { principal: principalOf(payload, { profile, audiences, nowMs }), key, kid: unverified.kid };
  }

  async #verifyOpaque(token: string): Promise<Principal> {
    const opaque = this.#opaque;
    if (opaque !== undefined) return opaque.verify(token);
    throw new Problem('invalid-token', 'The access token is not a signed JWT in compact form.');
  }

  async #verifyShared(token: string, { typ }: UnverifiedToken, profile: IssuerProfile): Promise<Verified> {
    if (typ !== undefined && typ.toLowerCase() !== 'jwt')
      throw new TokenRefused('the type is not an access token');
    const secret = new TextEncoder().encode(profile.keyrock?.jwtSecret ?? '');
    if (secret.byteLength === 0) throw new TokenRefused('there is no secret to check it with');
    const nowMs = this.#now();
    const { payload } = await jwtVerify(token, secret, {
      algorithms: ['HS256'],
      clockTolerance: profile.clockSkewSeconds,
      currentDate: new Date(nowMs),
    });
    return { principal: principalOfKeyrockJwt(payload, profile, nowMs), key: undefined };
  }

  /** HMAC leads to Keyrock's secret only, and a token that names an issuer never does: families are not mixed. */
  #keyrockProfile({ alg, issuer, appId }: UnverifiedToken): IssuerProfile | undefined {
    return alg === 'HS256' && issuer === undefined ? this.#keyrock.get(appId ?? '') : undefined;
  }
}

function trustIn(profile: IssuerProfile, options: TokenVerifierOptions): Trust {
  const { now = Date.now, random = Math.random, log = silentLog, fetch = globalThis.fetch } = options;
  const file = new KeyFile(options.cacheDir, profile.issuer);
  const onTrustLost = options.onTrustLost ?? (() => undefined);
  const keys = new KeySet({ profile, file, fetch, now, random, log, onTrustLost });
  return { profile, audiences: profile.audiences ?? [options.audience], keys };
}

function opaqueTokens(options: TokenVerifierOptions): OpaqueTokens | undefined {
  const profile = options.profiles.find(takesOpaque);
  if (profile === undefined) return undefined;
  const { now = Date.now, random = Math.random, log = silentLog, fetch = globalThis.fetch } = options;
  const audiences = profile.audiences ?? [options.audience];
  return new OpaqueTokens({ profile, audiences, fetch, now, random, log });
}

function keyrockApps(profile: IssuerProfile): (readonly [string, IssuerProfile])[] {
  const { preset, keyrock } = profile;
  if (preset !== 'keyrock-jwt' || keyrock === undefined) return [];
  return [keyrock.appId, ...keyrock.trustedApps].map((app) => [app, profile] as const);
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
