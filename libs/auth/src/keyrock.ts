import { z } from 'zod';
import { textsAt } from './claim-values.js';
import { scopesOf } from './claims.js';
import { FetchFailed, fetchLimited } from './fetch-json.js';
import type { Question } from './introspection.js';
import type { IssuerProfile } from './issuer-profile.js';
import { type Principal, principalKey } from './principal.js';
import { tenantsOf } from './tenant.js';
import { TokenRefused } from './token-form.js';

const name = z.string().min(1).max(255);
const named = z.array(z.looseObject({ name: z.string().max(255) })).max(500);

/** What Keyrock says of a user, at `/user` and in a JWT. On some databases members are of odd types: those are unread. */
const userSchema = z.looseObject({
  app_id: name,
  id: name.optional(),
  roles: named.optional(),
  organizations: z
    .array(z.looseObject({ name: z.string().max(255), roles: named.optional() }))
    .max(500)
    .optional(),
});
type KeyrockUser = z.output<typeof userSchema>;

const jwtSchema = userSchema.extend({ iat: z.number().finite(), exp: z.number().finite() });

/** A token lives so long where nobody says for how long: `/user` does not. */
export interface TokenTimes {
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
}

/**
 * Asks Keyrock's `/user` about an opaque token. It validates a token of any application, so the application is named
 * in the question and compared in the answer. The token travels in a header: an address would be logged.
 *
 * @returns undefined where it is no token or of another application
 * @throws FetchFailed where there is no answer, which is an outage
 */
export async function askKeyrock(
  token: string,
  { profile, fetch, nowMs, signal }: Question,
): Promise<Principal | undefined> {
  const { keyrock } = profile;
  if (keyrock === undefined) throw new Error('A profile without Keyrock cannot be asked.');
  const url = `${keyrock.url.replace(/\/$/, '')}/user?app_id=${encodeURIComponent(keyrock.appId)}`;
  const { status, body } = await fetchLimited(fetch, url, {
    signal,
    headers: { authorization: `Bearer ${token}` },
  });
  if (status >= 500 || status === 429 || (status >= 300 && status < 400))
    throw new FetchFailed(`${keyrock.url} answered ${status}`);
  if (status !== 200) return undefined;
  const user = userSchema.safeParse(body);
  if (!user.success) throw new FetchFailed(`${keyrock.url} did not answer with a user`);
  if (!isOfUs(user.data, profile)) return undefined;
  const { cacheSeconds, graceSeconds } = keyrock;
  const expiresAtMs = nowMs + (cacheSeconds + graceSeconds) * 1000;
  const principal = keyrockPrincipal(user.data, profile, { issuedAtMs: nowMs, expiresAtMs });
  return { ...principal, recheckAtMs: nowMs + cacheSeconds * 1000 };
}

/**
 * The principal of a JWT of Keyrock whose HMAC was verified. Such a token has no issuer, audience or id, cannot be
 * revoked and may be without end (`permanent`), so what stands here is strict: an end, a life of at most
 * `maxTtlSeconds` since its issue, and our application.
 *
 * @throws TokenRefused
 */
export function principalOfKeyrockJwt(payload: unknown, profile: IssuerProfile, nowMs: number): Principal {
  const parsed = jwtSchema.safeParse(payload);
  if (!parsed.success) {
    const claim = String(parsed.error.issues[0]?.path[0] ?? 'payload');
    throw refused(`the claim ${claim} is missing or of a wrong type`);
  }
  const user = parsed.data;
  const now = nowMs / 1000;
  const skew = profile.clockSkewSeconds;
  if (['iss', 'nonce', 'at_hash'].some((claim) => Object.hasOwn(user, claim)))
    throw refused('it is an ID token');
  if (Object.hasOwn(user, 'cnf')) throw refused('it is bound to a key and may not be used as a Bearer token');
  if (!isOfUs(user, profile)) throw refused('it is for another application');
  if (user.exp <= now - skew) throw refused('it has expired');
  if (user.iat > now + skew) throw refused('it was issued in the future');
  if (user.iat <= now - profile.maxTtlSeconds - skew) throw refused('it was issued too long ago');
  const expiresAtMs = Math.min(user.exp, user.iat + profile.maxTtlSeconds) * 1000;
  return keyrockPrincipal(user, profile, { issuedAtMs: user.iat * 1000, expiresAtMs });
}

function isOfUs({ app_id: app }: KeyrockUser, { keyrock }: IssuerProfile): boolean {
  return keyrock !== undefined && (app === keyrock.appId || keyrock.trustedApps.includes(app));
}

/** Roles are those of the application, and those in an organisation as `organisation/role`. */
function keyrockPrincipal(user: KeyrockUser, profile: IssuerProfile, times: TokenTimes): Principal {
  const type = user.id === undefined ? 'service' : 'user';
  const subject = user.id ?? user.app_id;
  const ofOrganizations = (user.organizations ?? []).flatMap((organization) =>
    (organization.roles ?? []).map((role) => `${organization.name}/${role.name}`),
  );
  const roles = [...textsAt(user, profile.claims.roles), ...ofOrganizations];
  const held = type === 'service' ? profile.serviceScopes : [];
  return {
    type,
    key: principalKey(type, profile.issuer, subject),
    issuer: profile.issuer,
    subject,
    clientId: user.app_id,
    scopes: scopesOf(held, roles, profile),
    roles,
    tenants: tenantsOf(textsAt(user, profile.claims.tenants)),
    tokenId: undefined,
    ...times,
  };
}

function refused(reason: string): TokenRefused {
  return new TokenRefused(reason, { isGenuine: true });
}
