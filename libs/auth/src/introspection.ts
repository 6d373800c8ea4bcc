import { z } from 'zod';
import { principalOf } from './claims.js';
import { discover } from './discovery.js';
import { type Fetch, FetchFailed, fetchLimited } from './fetch-json.js';
import { basicAuthorization } from './form-encoding.js';
import type { IssuerProfile } from './issuer-profile.js';
import type { Principal } from './principal.js';
import { TokenRefused } from './token-form.js';

export interface Question {
  readonly profile: IssuerProfile;
  readonly audiences: readonly string[];
  readonly fetch: Fetch;
  readonly nowMs: number;
  readonly signal: AbortSignal;
}

const answerSchema = z.looseObject({
  active: z.boolean(),
  token_type: z.string().optional(),
  iss: z.string().optional(),
  exp: z.number().optional(),
  iat: z.number().optional(),
});
type Answer = z.output<typeof answerSchema>;

/**
 * RFC 7662: asks the issuer about one token. The answer must name this service as its audience, as a JWT must; where
 * it gives no end, it is good until it is asked about again.
 *
 * @returns undefined where the token is not in force or not for here
 * @throws FetchFailed where there is no answer, which is an outage
 */
export async function introspect(token: string, question: Question): Promise<Principal | undefined> {
  const answer = await answerOf(token, question);
  if (!answer.active || !isBearer(answer)) return undefined;
  const { profile, audiences, nowMs } = question;
  const now = Math.floor(nowMs / 1000);
  const cacheSeconds = profile.introspection?.cacheSeconds ?? 0;
  const claims = {
    ...answer,
    iss: answer.iss ?? profile.issuer,
    iat: answer.iat ?? now,
    exp: answer.exp ?? now + cacheSeconds,
  };
  try {
    const principal = principalOf(claims, { profile: { ...profile, typ: 'not-id-token' }, audiences, nowMs });
    return { ...principal, recheckAtMs: Math.min(principal.expiresAtMs, nowMs + cacheSeconds * 1000) };
  } catch (error) {
    if (error instanceof TokenRefused) return undefined;
    throw error;
  }
}

async function answerOf(token: string, { profile, fetch, signal }: Question): Promise<Answer> {
  const { introspection } = profile;
  if (introspection === undefined) throw new Error('A profile without introspection cannot be asked.');
  const url = introspection.endpoint ?? (await discovered(profile, fetch, signal));
  const { status, body } = await fetchLimited(fetch, url, {
    method: 'POST',
    signal,
    headers: {
      authorization: basicAuthorization(introspection.clientId, introspection.clientSecret),
      'content-type': 'application/x-www-form-urlencoded',
    },
    body: new URLSearchParams({ token, token_type_hint: 'access_token' }).toString(),
  });
  if (status !== 200) throw new FetchFailed(`${url} answered ${status}`);
  const parsed = answerSchema.safeParse(body);
  if (!parsed.success) throw new FetchFailed(`${url} did not answer as RFC 7662 says`);
  return parsed.data;
}

/** A token that must be shown with a proof (DPoP), or that is for refreshing, is none here. */
function isBearer(answer: Answer): boolean {
  return answer.token_type === undefined || answer.token_type.toLowerCase() === 'bearer';
}

async function discovered(profile: IssuerProfile, fetch: Fetch, signal: AbortSignal): Promise<string> {
  const { discovery, issuer } = profile;
  const { introspection_endpoint: endpoint } = await discover(fetch, issuer, { discovery, signal });
  if (endpoint === undefined)
    throw new FetchFailed(`the metadata of ${issuer} names no introspection endpoint`);
  return endpoint;
}
