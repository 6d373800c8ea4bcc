import { z } from 'zod';

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

const claimPath = z.array(z.string().min(1).max(200)).min(1).max(8);

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

/** One identity manager whose tokens are accepted; the settings of `PROXYLET_AUTH_ISSUERS`. */
export const issuerProfileSchema = z
  .strictObject({
    preset: z.literal('generic-rfc9068').default('generic-rfc9068'),
    /** Compared with `iss` character for character. */
    issuer: secureUrl,
    /** Address of the metadata document; by default the issuer's `/.well-known/openid-configuration`. */
    discovery: secureUrl.optional(),
    /** Address of the keys; makes discovery needless. */
    jwksUri: secureUrl.optional(),
    /** Audiences accepted from this issuer instead of the service's own. */
    audiences: z.array(z.string().min(1).max(512)).min(1, 'must not be empty').max(20).optional(),
    algs: z.array(algorithm).min(1, 'must not be empty').default(['RS256']),
    /**
     * `at+jwt`: only tokens marked as access tokens (RFC 9068). `not-id-token`: for identity managers that mark
     * nothing; tokens that look like ID tokens are refused.
     */
    typ: z.enum(['at+jwt', 'not-id-token']).default('at+jwt'),
    /** Clients whose tokens are accepted; without it every client of the issuer. */
    clientAllow: z.array(z.string().min(1).max(255)).min(1, 'must not be empty').max(1000).optional(),
    claims: z
      .strictObject({
        /** Where the roles stand, as a path of member names: `["realm_access","roles"]`. */
        roles: claimPath.default(['roles']),
        /** Where the scopes stand: a string with blanks between, or a list. */
        scopes: claimPath.default(['scope']),
      })
      .prefault({}),
    clockSkewSeconds: z.int().min(0).max(60).default(30),
    /** Tokens that live longer from now on are refused. */
    maxTtlSeconds: z.int().min(60).max(86_400).default(86_400),
    /** How long keys are used while the identity manager cannot be reached; up to 30 days for remote gateways. */
    maxStaleSeconds: z.int().min(600).max(2_592_000).default(86_400),
  })
  .superRefine((profile, context) => {
    if (profile.jwksUri !== undefined && profile.discovery !== undefined) {
      context.addIssue({ code: 'custom', path: ['jwksUri'], message: 'must not stand beside discovery' });
    }
    if (new Set(profile.algs.map(familyOf)).size > 1) {
      context.addIssue({
        code: 'custom',
        path: ['algs'],
        message: 'must be of one family: RS and PS, or ES',
      });
    }
  });
export type IssuerProfile = z.output<typeof issuerProfileSchema>;

/** The whole list: at least one issuer, none twice. */
export const issuerListSchema = z
  .array(issuerProfileSchema)
  .min(1, 'must name at least one issuer')
  .max(20)
  .refine(
    (profiles) => new Set(profiles.map(({ issuer }) => issuer)).size === profiles.length,
    'must not name an issuer twice',
  );

function familyOf(alg: AsymmetricAlgorithm): 'rsa' | 'ec' {
  return alg.startsWith('ES') ? 'ec' : 'rsa';
}

function algorithmFault(value: string): string {
  if (value === 'EdDSA' || value === 'Ed25519') {
    return 'EdDSA is not supported: the second check of the signature cannot do it; let the issuer sign with ES256 or RS256';
  }
  return `must be one of ${asymmetricAlgorithms.join(', ')}; unsigned and symmetric tokens are never accepted`;
}

/** https anywhere, http only where the packets never leave the machine. */
export function isSecureUrl(value: string): boolean {
  if (!URL.canParse(value)) return false;
  const url = new URL(value);
  if (url.username !== '' || url.password !== '' || url.hash !== '' || url.search !== '') return false;
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.hostname));
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(hostname);
}
