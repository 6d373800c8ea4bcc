import { expect, test } from 'vitest';
import { issuerListSchema, issuerProfileSchema } from './issuer-profile.js';

const https = { issuer: 'https://idm.example/realms/a' };
const client = { clientId: 'rs', clientSecret: 'long-enough' };
const roleScopes = { user: ['engine:invoke'] };
const keyrock = { url: 'https://keyrock.example', appId: 'app-1' };
const shared = { ...keyrock, jwtSecret: '0123456789abcdef' };

test('an issuer alone is a whole profile', () => {
  expect(issuerProfileSchema.parse({ issuer: 'http://127.0.0.1:7090' })).toEqual({
    preset: 'generic-rfc9068',
    issuer: 'http://127.0.0.1:7090',
    algs: ['RS256'],
    typ: 'at+jwt',
    claims: { roles: [['roles']], scopes: [['scope']], tenants: [] },
    roleScopes: {},
    serviceScopes: [],
    clockSkewSeconds: 30,
    maxTtlSeconds: 86_400,
    maxStaleSeconds: 86_400,
  });
});

test.each([
  ['no issuer', {}, 'must be set'],
  ['an unknown preset', { ...https, preset: 'okta' }, 'must be one of generic-rfc9068'],
  ['an empty issuer', { issuer: '' }, 'https address'],
  ['http to another machine', { issuer: 'http://idm.example' }, 'http only on a loopback'],
  [
    'a name that only begins like loopback',
    { issuer: 'http://127.0.0.1.evil.example' },
    'http only on a loopback',
  ],
  ['a user in the address', { issuer: 'https://a:b@idm.example' }, 'without user'],
  ['http keys', { ...https, jwksUri: 'http://idm.example/keys' }, 'http only on a loopback'],
  ['unsigned tokens', { ...https, algs: ['none'] }, 'never accepted'],
  ['symmetric tokens', { ...https, algs: ['HS256'] }, 'never accepted'],
  ['EdDSA', { ...https, algs: ['EdDSA'] }, 'EdDSA is not supported'],
  ['two families', { ...https, algs: ['RS256', 'ES256'] }, 'one family'],
  ['no algorithm', { ...https, algs: [] }, 'must not be empty'],
  ['no audience', { ...https, audiences: [] }, 'must not be empty'],
  ['an empty audience', { ...https, audiences: [''] }, '>=1 characters'],
  ['no client', { ...https, clientAllow: [] }, 'must not be empty'],
  ['a skew of two minutes', { ...https, clockSkewSeconds: 120 }, '<=60'],
  [
    'discovery and keys',
    { ...https, discovery: 'https://a.example', jwksUri: 'https://b.example' },
    'beside discovery',
  ],
  ['an unknown member', { ...https, audience: 'x' }, 'Unrecognized key'],
  [
    "Keycloak's audience for everything",
    { ...https, preset: 'keycloak', audiences: ['account'] },
    'audience mapper',
  ],
  ['introspection at Auth0', { ...https, preset: 'auth0', introspection: client }, 'Auth0 offers none'],
  ['introspection without a secret', { ...https, introspection: { clientId: 'rs' } }, 'expected string'],
  [
    'http introspection',
    { ...https, introspection: { ...client, endpoint: 'http://idm.example' } },
    'loopback',
  ],
  ['ZITADEL without its project', { ...https, preset: 'zitadel', roleScopes }, 'id of the ZITADEL project'],
  ['ZITADEL without rights', { ...https, preset: 'zitadel', audiences: ['1'] }, 'nobody could do anything'],
  ['a scope there is none of', { ...https, roleScopes: { a: ['catalog:all'] } }, 'Invalid option'],
  ['Keyrock without an application', { preset: 'keyrock-opaque', roleScopes }, 'with url and appId'],
  [
    'Keyrock on http',
    { preset: 'keyrock-opaque', roleScopes, keyrock: { url: 'http://idm', appId: 'a' } },
    'loopback',
  ],
  ['Keyrock without rights', { preset: 'keyrock-opaque', keyrock }, 'nobody could do anything'],
  [
    'Keyrock with an audience',
    { preset: 'keyrock-opaque', roleScopes, keyrock, audiences: ['a'] },
    'is the audience',
  ],
  [
    'Keyrock with keys',
    { preset: 'keyrock-opaque', roleScopes, keyrock, jwksUri: https.issuer },
    'must not be set',
  ],
  ['opaque tokens with a secret', { preset: 'keyrock-opaque', roleScopes, keyrock: shared }, 'no use for'],
  [
    'JWTs of Keyrock without the secret',
    { preset: 'keyrock-jwt', roleScopes, keyrock },
    'must hold jwtSecret',
  ],
  [
    'a short secret',
    { preset: 'keyrock-jwt', roleScopes, keyrock: { ...keyrock, jwtSecret: 'x' } },
    '16 characters',
  ],
  [
    'long JWTs of Keyrock',
    { preset: 'keyrock-jwt', roleScopes, keyrock: shared, maxTtlSeconds: 7200 },
    'cannot be revoked',
  ],
  ['Keyrock settings elsewhere', { ...https, keyrock }, 'must not be set'],
])('refuses %s', (_name, profile, sentence) => {
  const result = issuerProfileSchema.safeParse(profile);
  expect(result.success).toBe(false);
  expect(result.error?.issues.map(({ message }) => message).join()).toContain(sentence);
});

test('refuses an empty list and an issuer named twice', () => {
  expect(issuerListSchema.safeParse([]).error?.issues[0]?.message).toContain('at least one');
  expect(issuerListSchema.safeParse([https, https]).error?.issues[0]?.message).toContain('twice');
});

test('takes several issuers, and one at most whose tokens do not say where they come from', () => {
  const opaque = { preset: 'keyrock-opaque', roleScopes, keyrock };
  const jwt = { preset: 'keyrock-jwt', roleScopes, keyrock: { ...shared, url: 'https://other.example' } };
  expect(issuerListSchema.safeParse([https, opaque, jwt]).success).toBe(true);
  const second = { issuer: 'https://idm.example', introspection: client };
  expect(issuerListSchema.safeParse([second, opaque]).error?.issues[0]?.message).toContain('whose it is');
});
