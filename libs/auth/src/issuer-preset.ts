import type { AsymmetricAlgorithm, Preset, ProfileInput } from './issuer-settings.js';

type Paths = readonly (readonly string[])[];

interface PresetDefaults {
  readonly algs: readonly AsymmetricAlgorithm[];
  readonly typ: 'at+jwt' | 'not-id-token';
  readonly maxTtlSeconds: number;
  readonly roles: Paths;
  readonly scopes: Paths;
  readonly tenants: Paths;
}

const daySeconds = 86_400;
const hourSeconds = 3600;

const generic: PresetDefaults = {
  algs: ['RS256'],
  typ: 'at+jwt',
  maxTtlSeconds: daySeconds,
  roles: [['roles']],
  scopes: [['scope']],
  tenants: [],
};

/** Roles and organisations of Keyrock's user object, in a JWT and at `/user` alike. Its scopes are no permissions. */
const keyrock: PresetDefaults = {
  algs: [],
  typ: 'not-id-token',
  maxTtlSeconds: hourSeconds,
  roles: [['roles']],
  scopes: [],
  tenants: [['organizations']],
};

/** Where the identity managers put things, by their own documentation. */
const defaultsOf: Readonly<Record<Preset, PresetDefaults>> = {
  'generic-rfc9068': generic,
  keycloak: {
    ...generic,
    typ: 'not-id-token',
    roles: [['realm_access', 'roles']],
    tenants: [['organization']],
  },
  auth0: {
    ...generic,
    typ: 'not-id-token',
    roles: [['roles'], ['https://proxylet/roles']],
    scopes: [['scope'], ['permissions']],
    tenants: [['org_id']],
  },
  zitadel: {
    ...generic,
    typ: 'not-id-token',
    roles: [['urn:zitadel:iam:org:project:roles']],
    tenants: [['urn:zitadel:iam:user:resourceowner:id']],
  },
  'keyrock-opaque': keyrock,
  'keyrock-jwt': keyrock,
};

interface PresetFault {
  readonly path: readonly string[];
  readonly message: string;
}

/** What a profile lacks or has too much of for its preset, each fault in words that say what to write. */
export function presetFaults(profile: ProfileInput): PresetFault[] {
  const faults: PresetFault[] = [];
  const demand = (holds: boolean, member: string, message: string): void => {
    if (!holds) faults.push({ path: [member], message });
  };
  const { preset, introspection, audiences } = profile;
  const isKeyrock = preset.startsWith('keyrock-');
  demand(isKeyrock || profile.issuer !== undefined, 'issuer', 'must be set: without it no token could match');
  demand(
    profile.jwksUri === undefined || profile.discovery === undefined,
    'jwksUri',
    'must not stand beside discovery',
  );
  demand(isKeyrock || profile.keyrock === undefined, 'keyrock', `must not be set for the preset ${preset}`);
  demand(
    preset !== 'auth0' || introspection === undefined,
    'introspection',
    'must not be set: Auth0 offers none; ask it for tokens of an audience, which are JWTs',
  );
  demand(
    preset !== 'keycloak' || audiences?.includes('account') !== true,
    'audiences',
    'must not hold account, which every token of a Keycloak realm carries; add an audience mapper',
  );
  demand(
    preset !== 'zitadel' || audiences !== undefined,
    'audiences',
    'must name the id of the ZITADEL project: its tokens carry no other audience',
  );
  demand(
    (preset !== 'zitadel' && !isKeyrock) || Object.keys(profile.roleScopes).length > 0,
    'roleScopes',
    `must say which scopes come with which role: ${preset} knows no scopes of ours, so nobody could do anything`,
  );
  if (isKeyrock) demandKeyrock(profile, demand);
  return faults;
}

function demandKeyrock(
  { preset, keyrock: settings, ...profile }: ProfileInput,
  demand: (holds: boolean, member: string, message: string) => void,
): void {
  demand(settings !== undefined, 'keyrock', 'must be set, with url and appId');
  const needsSecret = preset === 'keyrock-jwt';
  demand(
    settings === undefined || (settings.jwtSecret !== undefined) === needsSecret,
    'keyrock',
    needsSecret ? 'must hold jwtSecret' : 'must not hold jwtSecret, which opaque tokens have no use for',
  );
  for (const member of ['audiences', 'algs', 'typ', 'jwksUri', 'discovery', 'introspection'] as const) {
    const why = member === 'audiences' ? ': the application id is the audience' : '';
    demand(profile[member] === undefined, member, `must not be set for the preset ${preset}${why}`);
  }
  const isShort = !needsSecret || (profile.maxTtlSeconds ?? hourSeconds) <= hourSeconds;
  demand(isShort, 'maxTtlSeconds', 'must be at most 3600: a JWT of Keyrock cannot be revoked');
}

/** The profile with everything in place. */
export function withPreset(profile: ProfileInput) {
  const defaults = defaultsOf[profile.preset];
  const { claims } = profile;
  return {
    ...profile,
    issuer: profile.issuer ?? profile.keyrock?.url ?? '',
    algs: profile.algs ?? [...defaults.algs],
    typ: profile.typ ?? defaults.typ,
    maxTtlSeconds: profile.maxTtlSeconds ?? defaults.maxTtlSeconds,
    claims: {
      roles: claims.roles ?? defaults.roles,
      scopes: claims.scopes ?? defaults.scopes,
      tenants: claims.tenants ?? defaults.tenants,
    },
  };
}
