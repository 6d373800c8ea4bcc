import { z } from 'zod';
import type { IssuerProfile } from './issuer-profile.js';
import { type Principal, principalKey } from './principal.js';
import { TokenRefused } from './token-form.js';

const name = z.string().min(1).max(255);
const seconds = z.number().finite();

const claimsSchema = z.looseObject({
  iss: z.string(),
  sub: name,
  aud: z.union([z.string(), z.array(z.string()).max(100)]),
  exp: seconds,
  iat: seconds,
  nbf: seconds.optional(),
  jti: name.optional(),
  client_id: name.optional(),
  azp: name.optional(),
});
type Claims = z.output<typeof claimsSchema>;

export interface ClaimContext {
  readonly profile: IssuerProfile;
  readonly audiences: readonly string[];
  readonly nowMs: number;
}

/**
 * Checks the claims of a token whose signature was verified and makes the principal. The JWT library's own checks
 * let a future `iat`, an empty `sub` and `exp: 1e308` pass, so all of them stand here.
 *
 * @throws TokenRefused
 */
export function principalOf(payload: unknown, context: ClaimContext): Principal {
  const parsed = claimsSchema.safeParse(payload);
  if (!parsed.success) {
    const claim = String(parsed.error.issues[0]?.path[0] ?? 'payload');
    throw refused(`the claim ${claim} is missing or of a wrong type`);
  }
  const claims = parsed.data;
  const { profile } = context;
  if (claims.iss !== profile.issuer) throw refused('it is of another issuer');
  checkTimes(claims, context);
  checkAudience(claims, context.audiences);
  if (Object.hasOwn(claims, 'cnf'))
    throw refused('it is bound to a key and may not be used as a Bearer token');
  if (profile.typ === 'not-id-token') checkNotIdToken(claims);
  const clientId = claims.client_id ?? claims.azp;
  checkClient(clientId, profile);
  const type = clientId === claims.sub ? 'service' : 'user';
  return {
    type,
    key: principalKey(type, claims.iss, claims.sub),
    issuer: claims.iss,
    subject: claims.sub,
    clientId,
    scopes: new Set(textsAt(claims, profile.claims.scopes)),
    roles: textsAt(claims, profile.claims.roles),
    tokenId: claims.jti,
    expiresAtMs: claims.exp * 1000,
  };
}

function checkTimes({ exp, iat, nbf }: Claims, { profile, nowMs }: ClaimContext): void {
  const now = nowMs / 1000;
  const skew = profile.clockSkewSeconds;
  if (exp <= now - skew) throw refused('it has expired');
  if (exp > now + profile.maxTtlSeconds + skew) throw refused('it lives longer than is accepted here');
  if (iat > now + skew) throw refused('it was issued in the future');
  if (nbf !== undefined && nbf > now + skew) throw refused('it is not valid yet');
}

function checkAudience({ aud }: Claims, audiences: readonly string[]): void {
  const named = typeof aud === 'string' ? [aud] : aud;
  if (!named.some((one) => audiences.includes(one))) throw refused('it is for another audience');
}

function checkClient(clientId: string | undefined, { typ, clientAllow }: IssuerProfile): void {
  // RFC 9068 §2.2 demands the claim; without it a service could pass for a user.
  if (clientId === undefined && typ === 'at+jwt') throw refused('the claim client_id is missing');
  if (clientAllow !== undefined && (clientId === undefined || !clientAllow.includes(clientId))) {
    throw refused('its client is not accepted here');
  }
}

/** Marks of an ID token, for issuers that give access tokens no type of their own. */
function checkNotIdToken(claims: Claims): void {
  const isForClient = claims.azp !== undefined && claims.aud === claims.azp;
  const isOtherType = Object.hasOwn(claims, 'typ') && claims['typ'] !== 'Bearer';
  const looksLikeIdToken =
    Object.hasOwn(claims, 'nonce') ||
    Object.hasOwn(claims, 'at_hash') ||
    Object.hasOwn(claims, 'events') ||
    (Object.hasOwn(claims, 'auth_time') && isForClient);
  if (looksLikeIdToken || isOtherType) throw refused('it is not an access token');
}

/** Texts at a path of own members: a string is split at blanks, a list is taken as it is, a map gives its keys. */
function textsAt(claims: Claims, path: readonly string[]): string[] {
  let value: unknown = claims;
  for (const member of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, member)) return [];
    value = (value as Record<string, unknown>)[member];
  }
  if (typeof value === 'string') return value.split(' ').filter((text) => text !== '');
  if (Array.isArray(value)) return value.filter((text): text is string => typeof text === 'string');
  return typeof value === 'object' && value !== null ? Object.keys(value) : [];
}

function refused(reason: string): TokenRefused {
  return new TokenRefused(reason, { isGenuine: true });
}
