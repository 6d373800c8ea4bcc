import { z } from 'zod';
import { textsAt } from './claim-values.js';
import type { IssuerProfile } from './issuer-profile.js';
import { type Principal, principalKey } from './principal.js';
import { tenantsOf } from './tenant.js';
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
 * Checks the claims of a token whose signature was verified, or whose issuer gave them, and makes the principal. The
 * JWT library's own checks let a future `iat`, an empty `sub` and `exp: 1e308` pass, so all of them stand here.
 *
 * @throws TokenRefused
 */
export function principalOf(payload: unknown, context: ClaimContext): Principal {
  const claims = parsed(payload);
  const { profile } = context;
  if (claims.iss !== profile.issuer) throw refused('it is of another issuer');
  checkTimes(claims, context);
  checkAudience(claims, context.audiences);
  if (Object.hasOwn(claims, 'cnf'))
    throw refused('it is bound to a key and may not be used as a Bearer token');
  if (profile.typ === 'not-id-token') checkNotIdToken(claims, profile);
  const clientId = claims.client_id ?? claims.azp;
  checkClient(claims, profile);
  const isService = isOfClient(claims, clientId, profile);
  const type = isService ? 'service' : 'user';
  const subject = isService && clientId !== undefined ? clientId : claims.sub;
  const roles = textsAt(claims, profile.claims.roles);
  return {
    type,
    key: principalKey(type, claims.iss, subject),
    issuer: claims.iss,
    subject,
    clientId,
    scopes: scopesOf(textsAt(claims, profile.claims.scopes), roles, profile),
    roles,
    tenants: tenantsOf(textsAt(claims, profile.claims.tenants)),
    tokenId: claims.jti,
    issuedAtMs: claims.iat * 1000,
    expiresAtMs: claims.exp * 1000,
  };
}

/** Scopes of the token and those its roles bring; a role name is looked up among own members only. */
export function scopesOf(
  held: readonly string[],
  roles: readonly string[],
  { roleScopes }: Pick<IssuerProfile, 'roleScopes'>,
): ReadonlySet<string> {
  const brought = roles.flatMap((role) => (Object.hasOwn(roleScopes, role) ? (roleScopes[role] ?? []) : []));
  return new Set([...held, ...brought]);
}

function parsed(payload: unknown): Claims {
  const result = claimsSchema.safeParse(payload);
  if (result.success) return result.data;
  const claim = String(result.error.issues[0]?.path[0] ?? 'payload');
  const isAbsent = typeof payload === 'object' && payload !== null && !Object.hasOwn(payload, 'aud');
  if (claim === 'aud' && isAbsent) {
    throw refused('it names no audience; the identity manager needs an audience mapper for this service');
  }
  throw refused(`the claim ${claim} is missing or of a wrong type`);
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

function checkClient({ client_id: named, azp }: Claims, { typ, clientAllow }: IssuerProfile): void {
  // RFC 9068 §2.2 demands the claim; without it a service could pass for a user.
  if (named === undefined && typ === 'at+jwt') throw refused('the claim client_id is missing');
  if (named !== undefined && azp !== undefined && named !== azp) throw refused('it names two clients');
  const clientId = named ?? azp;
  if (clientAllow !== undefined && (clientId === undefined || !clientAllow.includes(clientId))) {
    throw refused('its client is not accepted here');
  }
}

/**
 * Whether the token speaks for a client itself. Keycloak gives such a client a user of its own: it is known by its
 * name and by `client_id`, which comes from the session in this case only. Either alone could be somebody else's.
 * Auth0 marks the subject.
 */
function isOfClient(claims: Claims, clientId: string | undefined, { preset }: IssuerProfile): boolean {
  if (clientId === undefined) return false;
  if (claims.sub === clientId) return true;
  if (preset === 'keycloak') {
    const account = `service-account-${clientId.toLowerCase()}`;
    return claims.client_id === claims.azp && claims['preferred_username'] === account;
  }
  return preset === 'auth0' && claims.sub === `${clientId}@clients`;
}

/** Marks of an ID token, for issuers that give access tokens no type of their own. */
function checkNotIdToken(claims: Claims, { preset }: IssuerProfile): void {
  const isForClient = claims.azp !== undefined && claims.aud === claims.azp;
  const states = Object.hasOwn(claims, 'typ');
  const isOtherType = states ? claims['typ'] !== 'Bearer' : preset === 'keycloak';
  const looksLikeIdToken =
    Object.hasOwn(claims, 'nonce') ||
    Object.hasOwn(claims, 'at_hash') ||
    Object.hasOwn(claims, 'events') ||
    (Object.hasOwn(claims, 'auth_time') && isForClient);
  if (looksLikeIdToken || isOtherType) throw refused('it is not an access token');
}

function refused(reason: string): TokenRefused {
  return new TokenRefused(reason, { isGenuine: true });
}
