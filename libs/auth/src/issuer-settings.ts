import { z } from 'zod';
import { scopes } from './access.js';
import { isSecureUrl } from './secure-url.js';

/** Signature algorithms accepted from an IdM: asymmetric only, so that no verifier can also sign. */
export const asymmetricAlgorithms = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
] as const;
export type AsymmetricAlgorithm = (typeof asymmetricAlgorithms)[number];

export const presets = [
  'generic-rfc9068',
  'keycloak',
  'auth0',
  'zitadel',
  'keyrock-opaque',
  'keyrock-jwt',
] as const;
export type Preset = (typeof presets)[number];

const name = z.string().min(1).max(255);
const secret = z.string().max(1024);
const seconds = (min: number, max: number) => z.int().min(min).max(max);
const claimPath = z.array(z.string().min(1).max(200)).min(1).max(8);
/** One path of member names, `["realm_access","roles"]`, or a list of such paths whose values are put together. */
const claimPaths = z.union([claimPath.transform((path) => [path]), z.array(claimPath).min(1).max(8)]);

const secureUrl = z
  .string()
  .refine(
    isSecureUrl,
    'must be an https address without user, query or fragment (http only on a loopback address)',
  );

const algorithm = z.string().transform((value, context): AsymmetricAlgorithm => {
  const known = asymmetricAlgorithms.find((candidate) => candidate === value);
  if (known !== undefined) return known;
  context.addIssue({ code: 'custom', message: algorithmFault(value) });
  return z.NEVER;
});

const claims = z.strictObject({
  /** Where the roles stand. A list gives its texts, a map its keys, a list of objects their `name`. */
  roles: claimPaths.optional(),
  /** Where the scopes stand: a string with blanks between, or a list. */
  scopes: claimPaths.optional(),
  /** Where the tenants stand that `Fiware-Service` may select. Without it a token has the default tenant only. */
  tenants: claimPaths.optional(),
});

/** RFC 7662: asked about tokens that are no JWT. */
const introspection = z.strictObject({
  /** By default the one that discovery names. */
  endpoint: secureUrl.optional(),
  clientId: name,
  clientSecret: secret.min(8, 'must have at least 8 characters'),
  /** How long an answer is believed, which is how long a revoked token may still work. */
  cacheSeconds: seconds(1, 300).default(60),
  /** How much longer while the identity manager is away, never past the token's own end. */
  graceSeconds: seconds(0, 86_400).default(300),
});

const keyrock = z.strictObject({
  url: secureUrl,
  appId: name,
  /** Other applications of the same Keyrock whose tokens are accepted too. */
  trustedApps: z.array(name).max(100).default([]),
  /** `jwt_secret` of the application; whoever knows it can make a token of any user. */
  jwtSecret: secret.min(16, 'must have at least 16 characters').optional(),
  cacheSeconds: seconds(1, 300).default(60),
  graceSeconds: seconds(0, 86_400).default(300),
});

/** What may be written into `PROXYLET_AUTH_ISSUERS`; a preset fills in the rest. */
export const profileInput = z.strictObject({
  preset: z.enum(presets, `must be one of ${presets.join(', ')}`).default('generic-rfc9068'),
  /** Compared with `iss` character for character. For Keyrock, whose tokens name none, its address. */
  issuer: secureUrl.optional(),
  /** Address of the metadata document; by default the issuer's `/.well-known/openid-configuration`. */
  discovery: secureUrl.optional(),
  /** Address of the keys; makes discovery needless. */
  jwksUri: secureUrl.optional(),
  /** Audiences accepted from this issuer instead of the service's own. */
  audiences: z.array(z.string().min(1).max(512)).min(1, 'must not be empty').max(20).optional(),
  algs: z.array(algorithm).min(1, 'must not be empty').optional(),
  /**
   * `at+jwt`: only tokens marked as access tokens (RFC 9068). `not-id-token`: for identity managers that mark
   * nothing; tokens that look like ID tokens are refused.
   */
  typ: z.enum(['at+jwt', 'not-id-token']).optional(),
  /** Clients whose tokens are accepted; without it every client of the issuer. */
  clientAllow: z.array(name).min(1, 'must not be empty').max(1000).optional(),
  claims: claims.prefault({}),
  /** Scopes that come with a role, for identity managers that know no scopes of ours. */
  roleScopes: z.record(name, z.array(z.enum(scopes))).default({}),
  /** Scopes of a Keyrock token that speaks for the application itself and carries no roles. */
  serviceScopes: z.array(z.enum(scopes)).default([]),
  introspection: introspection.optional(),
  keyrock: keyrock.optional(),
  clockSkewSeconds: seconds(0, 60).default(30),
  /** Tokens that live longer from now on are refused; for `keyrock-jwt` from their issue on, at most an hour. */
  maxTtlSeconds: seconds(60, 86_400).optional(),
  /** How long keys are used while the identity manager cannot be reached; up to 30 days for remote gateways. */
  maxStaleSeconds: seconds(600, 2_592_000).default(86_400),
});
export type ProfileInput = z.output<typeof profileInput>;

function algorithmFault(value: string): string {
  if (value === 'EdDSA' || value === 'Ed25519') {
    return 'EdDSA is not supported: the second check of the signature cannot do it; let the issuer sign with ES256 or RS256';
  }
  return `must be one of ${asymmetricAlgorithms.join(', ')}; unsigned and symmetric tokens are never accepted`;
}
