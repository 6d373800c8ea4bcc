import { z } from 'zod';
import { assertCompact } from './bearer.js';
import type { IssuerProfile } from './issuer-profile.js';

/** Why a token was refused, for the log. Holds nothing of the token itself. */
export class TokenRefused extends Error {
  override readonly name = 'TokenRefused';
  /** True where the token is genuine (its signature was verified): then its holder may be told the reason. */
  readonly isGenuine: boolean;

  constructor(reason: string, { isGenuine = false }: { isGenuine?: boolean } = {}) {
    super(reason);
    this.isGenuine = isGenuine;
  }
}

const headerSchema = z.looseObject({
  alg: z.string(),
  kid: z.string().min(1).max(256).optional(),
  typ: z.string().max(64).optional(),
});
const payloadSchema = z.looseObject({ iss: z.string().optional(), app_id: z.string().optional() });

/** What a token says of itself before anything is verified: good for choosing the profile, for nothing else. */
export interface UnverifiedToken {
  readonly issuer: string | undefined;
  /** Keyrock's stand-in for an issuer. */
  readonly appId: string | undefined;
  readonly alg: string;
  readonly kid: string | undefined;
  readonly typ: string | undefined;
}

/** Characters; the certificates that some put there are not looked at anyway. */
const headerMaxLength = 4096;

/** @throws TokenRefused or Problem `invalid-token` */
export function readUnverified(token: string): UnverifiedToken {
  assertCompact(token);
  const [header = '', payload = '', signature = ''] = token.split('.');
  if (header.length > headerMaxLength) throw new TokenRefused('the header is too long');
  if (![header, payload, signature].every(isCanonical))
    throw new TokenRefused('a part is not canonical base64url');
  const head = headerSchema.safeParse(parseJson(header));
  if (!head.success) throw new TokenRefused('the header is not of the form expected');
  if (Object.hasOwn(head.data, 'crit') || Object.hasOwn(head.data, 'b64')) {
    throw new TokenRefused('the header asks for extensions (crit or b64)');
  }
  const body = payloadSchema.safeParse(parseJson(payload));
  if (!body.success) throw new TokenRefused('the payload is not of the form expected');
  const { alg, kid, typ } = head.data;
  return { issuer: body.data.iss, appId: body.data.app_id, alg, kid, typ };
}

/** @throws TokenRefused where the header is not one the issuer's profile allows */
export function assertProfile({ alg, typ }: UnverifiedToken, profile: IssuerProfile): void {
  if (!profile.algs.some((allowed) => allowed === alg))
    throw new TokenRefused('the algorithm is not allowed');
  const type = typ?.toLowerCase().replace(/^application\//, '');
  if (profile.typ === 'at+jwt' && type !== 'at+jwt') throw new TokenRefused('the type is not at+jwt');
  if (type !== undefined && type !== 'at+jwt' && type !== 'jwt')
    throw new TokenRefused('the type is not an access token');
}

/** Base64url has several texts for the same bytes; only one is let through, so that a token has one text. */
function isCanonical(part: string): boolean {
  return Buffer.from(part, 'base64url').toString('base64url') === part;
}

function parseJson(part: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(part, 'base64url')));
  } catch {
    throw new TokenRefused('a part is not JSON');
  }
}
