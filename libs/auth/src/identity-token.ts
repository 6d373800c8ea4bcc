import { createHash } from 'node:crypto';
import { Problem } from '@proxylet/contract';
import { createLocalJWKSet, errors, jwtVerify } from 'jose';
import { z } from 'zod';
import { discover } from './discovery.js';
import { type Fetch, FetchFailed, fetchJson } from './fetch-json.js';
import { asymmetricAlgorithms } from './issuer-settings.js';
import { usableKeys } from './key-document.js';
import { readUnverified, TokenRefused } from './token-form.js';

/** What an identity token of a CI says, its signature and times verified. */
export interface Identity {
  readonly issuer: string;
  readonly subject: string;
  readonly audience: string;
  /** Hex SHA-256 of what makes the token one of a kind: issuer and `jti`, else what was signed. */
  readonly fingerprint: string;
  readonly expiresAtMs: number;
  readonly claims: Readonly<Record<string, unknown>>;
}

export interface IdentityTokensOptions {
  readonly fetch?: Fetch;
  readonly now?: () => number;
}

/** Seconds since its issue after which a token is not taken any more, however long it lives. */
const maxAgeSeconds = 600;
const skewSeconds = 30;
const keysLiveMs = 600_000;
/** Between two fetches for one issuer that an unknown key or a failure asks for, ms. */
const coolDownMs = 30_000;
const maxIssuers = 100;

const claimsSchema = z.looseObject({
  iss: z.string(),
  sub: z
    .string()
    .min(1)
    .max(512)
    .regex(/^\P{Cc}+$/u),
  aud: z.union([z.string(), z.array(z.string()).length(1)]),
  exp: z.number().finite(),
  iat: z.number().finite(),
  nbf: z.number().finite().optional(),
  jti: z.string().min(1).max(512).optional(),
});

interface IssuerKeys {
  resolver: ReturnType<typeof createLocalJWKSet> | undefined;
  fetchedAtMs: number;
  triedAtMs: number;
  pending: Promise<void> | undefined;
}

/** Issuer an identity token names; nothing is verified yet. @throws Problem `invalid-token` */
export function issuerOf(token: string): string {
  try {
    const { issuer } = readUnverified(token);
    if (issuer === undefined) throw new TokenRefused('there is no issuer');
    return issuer;
  } catch (error) {
    throw refusal(error);
  }
}

/**
 * Verifies identity tokens (OpenID Connect) of issuers somebody has decided to trust: the caller sees to it that only
 * such are asked for, since the keys are fetched from the issuer. At most 5 s and 256 KB a document, no redirects,
 * keys kept 10 min, one fetch in 30 s whatever is thrown at us.
 */
export class IdentityTokens {
  readonly #issuers = new Map<string, IssuerKeys>();
  readonly #fetch: Fetch;
  readonly #now: () => number;

  constructor({ fetch = globalThis.fetch, now = Date.now }: IdentityTokensOptions = {}) {
    this.#fetch = fetch;
    this.#now = now;
  }

  /**
   * @param issuer which the token must name, https or loopback
   * @param audiences one of which the token must name, and no other
   * @throws Problem `invalid-token`, `idm-unavailable`
   */
  async verify(token: string, issuer: string, audiences: readonly string[]): Promise<Identity> {
    try {
      return await this.#verify(token, issuer, audiences);
    } catch (error) {
      throw refusal(error);
    }
  }

  async #verify(token: string, issuer: string, audiences: readonly string[]): Promise<Identity> {
    const unverified = readUnverified(token);
    if (unverified.issuer !== issuer) throw new TokenRefused('it is of another issuer');
    if (unverified.typ !== undefined && unverified.typ.toLowerCase() !== 'jwt') {
      throw new TokenRefused('its type is not that of an identity token');
    }
    const { payload } = await jwtVerify(token, (header, input) => this.#key(issuer, header, input), {
      algorithms: [...asymmetricAlgorithms],
      issuer,
      clockTolerance: skewSeconds,
      currentDate: new Date(this.#now()),
    });
    const parsed = claimsSchema.safeParse(payload);
    if (!parsed.success) {
      const claim = String(parsed.error.issues[0]?.path[0] ?? 'payload');
      throw genuine(`the claim ${claim} is missing or of a wrong form`);
    }
    const claims = parsed.data;
    this.#checkTimes(claims);
    const audience = typeof claims.aud === 'string' ? claims.aud : (claims.aud[0] ?? '');
    if (!audiences.includes(audience)) throw genuine('it is for another audience');
    return {
      issuer,
      subject: claims.sub,
      audience,
      fingerprint: fingerprintOf(issuer, claims.jti, token),
      expiresAtMs: claims.exp * 1000,
      claims,
    };
  }

  #checkTimes({ exp, iat, nbf }: z.output<typeof claimsSchema>): void {
    const now = this.#now() / 1000;
    if (exp <= now - skewSeconds) throw genuine('it has expired');
    if (iat > now + skewSeconds) throw genuine('it was issued in the future');
    if (nbf !== undefined && nbf > now + skewSeconds) throw genuine('it is not valid yet');
    if (iat < now - maxAgeSeconds - skewSeconds) throw genuine('it was issued more than 10 minutes ago');
  }

  async #key(issuer: string, ...args: Parameters<ReturnType<typeof createLocalJWKSet>>) {
    const keys = this.#keysOf(issuer);
    if (keys.resolver === undefined || this.#now() - keys.fetchedAtMs > keysLiveMs)
      await this.#refresh(issuer, keys);
    if (keys.resolver === undefined) throw outage();
    try {
      return await keys.resolver(...args);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      await this.#refresh(issuer, keys);
      return await keys.resolver(...args);
    }
  }

  #keysOf(issuer: string): IssuerKeys {
    const known = this.#issuers.get(issuer);
    if (known !== undefined) return known;
    const fresh: IssuerKeys = { resolver: undefined, fetchedAtMs: 0, triedAtMs: 0, pending: undefined };
    this.#issuers.set(issuer, fresh);
    for (const oldest of this.#issuers.keys()) {
      if (this.#issuers.size <= maxIssuers) break;
      this.#issuers.delete(oldest);
    }
    return fresh;
  }

  /** One fetch for all who ask at the same time. Old keys are dropped once they are past their time. */
  async #refresh(issuer: string, keys: IssuerKeys): Promise<void> {
    if (keys.pending === undefined && this.#now() - keys.triedAtMs < coolDownMs) return;
    keys.pending ??= this.#load(issuer, keys).finally(() => {
      keys.pending = undefined;
    });
    await keys.pending;
  }

  async #load(issuer: string, keys: IssuerKeys): Promise<void> {
    keys.triedAtMs = this.#now();
    try {
      const { jwks_uri: uri } = await discover(this.#fetch, issuer);
      if (uri === undefined) throw new FetchFailed(`the metadata of ${issuer} names no jwks_uri`);
      // An issuer on the net must not send us to a port of this very machine.
      if (issuer.startsWith('https:') && !uri.startsWith('https:'))
        throw new FetchFailed(`${issuer} names keys at http`);
      keys.resolver = createLocalJWKSet(usableKeys(await fetchJson(this.#fetch, uri), uri));
      keys.fetchedAtMs = this.#now();
    } catch (error) {
      if (!(error instanceof FetchFailed)) throw error;
      if (this.#now() - keys.fetchedAtMs > keysLiveMs) keys.resolver = undefined;
    }
  }
}

/** Two encodings of one ECDSA signature must not make two tokens, so the signature is left out. */
function fingerprintOf(issuer: string, jti: string | undefined, token: string): string {
  const signed = token.slice(0, token.lastIndexOf('.'));
  const unique = jti === undefined ? `signed\n${signed}` : `jti\n${jti}`;
  return createHash('sha256').update(`${issuer}\n${unique}`).digest('hex');
}

function genuine(reason: string): TokenRefused {
  return new TokenRefused(reason, { isGenuine: true });
}

function outage(): Problem {
  return new Problem('idm-unavailable', 'The keys of the issuer cannot be fetched now.', {
    retryAfterSeconds: coolDownMs / 1000,
  });
}

/** The holder of a token that is genuine is told what is wrong with it; everybody else nothing. */
function refusal(error: unknown): unknown {
  const generic = 'The identity token is not valid here';
  if (error instanceof Problem && error.code !== 'invalid-token') return error;
  if (error instanceof TokenRefused && error.isGenuine) {
    return new Problem('invalid-token', `${generic}: ${error.message}.`, { cause: error });
  }
  if (error instanceof errors.JWTExpired) return new Problem('invalid-token', `${generic}: it has expired.`);
  if (error instanceof TokenRefused || error instanceof Problem) {
    return new Problem('invalid-token', `${generic}.`, { cause: error });
  }
  // The library's errors carry the claims; only their stable code goes on.
  if (error instanceof errors.JOSEError) {
    return new Problem('invalid-token', `${generic}.`, { cause: new TokenRefused(error.code) });
  }
  return error;
}
