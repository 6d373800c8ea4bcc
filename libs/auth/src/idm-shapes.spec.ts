import { expect, test } from 'vitest';
import {
  auth0Service,
  auth0User,
  clock,
  entraUser,
  keycloakService,
  keycloakUser,
  zitadelProject,
  zitadelUser,
} from '../test/idm-shapes.js';
import { principalOf } from './claims.js';
import { issuerProfileSchema } from './issuer-profile.js';
import type { Principal } from './principal.js';

const issuer = 'https://idm.example/realms/gateway';
const nowMs = clock * 1000 + 1000;

function principal(settings: object, payload: object): Principal {
  const profile = issuerProfileSchema.parse({ issuer, ...settings });
  return principalOf(payload, { profile, audiences: profile.audiences ?? ['urn:proxylet:test'], nowMs });
}

const keycloak = { preset: 'keycloak' };
const auth0 = { preset: 'auth0' };
const zitadel = {
  preset: 'zitadel',
  audiences: [zitadelProject],
  roleScopes: { user: ['engine:invoke'], 'gateway-operator': ['engine:admin'] },
};

test('Keycloak: realm roles, a client, and organisations as tenants', () => {
  const sut = principal(keycloak, keycloakUser(issuer));
  expect(sut).toMatchObject({
    type: 'user',
    key: `user|${issuer}|f3a1c1de-8a44-4d0c-9d3a-0d0ad2a0c0de`,
    clientId: 'portal',
    tenants: ['acme'],
  });
  expect(sut.roles).toContain('gateway-operator');
  expect(sut.roles).not.toContain('editor');
  expect([...sut.scopes]).toEqual(expect.arrayContaining(['engine:invoke', 'engine:install']));
});

test('Keycloak: roles of one client, and groups as tenants, where the profile says so', () => {
  const claims = {
    roles: [
      ['realm_access', 'roles'],
      ['resource_access', 'portal', 'roles'],
    ],
    tenants: ['groups'],
  };
  const sut = principal(
    { ...keycloak, claims },
    { ...keycloakUser(issuer), groups: ['/plant', '/plant/hall'] },
  );
  expect(sut.roles).toEqual(expect.arrayContaining(['gateway-operator', 'editor']));
  expect(sut.tenants).toEqual(['plant']);
});

test('Keycloak: a service account is its client', () => {
  expect(principal(keycloak, keycloakService(issuer))).toMatchObject({
    type: 'service',
    key: `service|${issuer}|gateway-1`,
  });
});

test.each([
  ['a user whose tokens carry client_id too', { client_id: 'portal' }],
  ['a user who took the name of a service account', { preferred_username: 'service-account-portal' }],
])('Keycloak: %s stays a user', (_name, claims) => {
  expect(principal(keycloak, { ...keycloakUser(issuer), ...claims }).type).toBe('user');
});

test.each([
  ['an ID token', { typ: 'ID' }],
  ['a refresh token', { typ: 'Refresh' }],
  ['a token without a type', { typ: undefined }],
  ['an audience for everything', { aud: 'account' }],
])('Keycloak: refuses %s', (_name, claims) => {
  const payload = JSON.parse(JSON.stringify({ ...keycloakUser(issuer), ...claims })) as object;
  expect(() => principal(keycloak, payload)).toThrow();
});

test('Keycloak: says what is missing where the realm has no audience mapper', () => {
  const { aud: _, ...payload } = keycloakUser(issuer);
  expect(() => principal(keycloak, payload)).toThrow('audience mapper');
});

test('Auth0: permissions beside scopes, roles under a name of their own', () => {
  const sut = principal(auth0, auth0User(issuer));
  expect(sut).toMatchObject({ type: 'user', roles: ['gateway-operator'], tenants: ['org_abc123'] });
  expect([...sut.scopes]).toEqual(expect.arrayContaining(['engine:invoke', 'engine:install']));
});

test('Auth0: a machine is its client', () => {
  expect(principal(auth0, auth0Service(issuer)).key).toBe(`service|${issuer}|g4tewayClientId`);
});

test('ZITADEL: roles as a map bring scopes, the project is the audience', () => {
  const sut = principal(zitadel, zitadelUser(issuer));
  expect(sut).toMatchObject({
    type: 'user',
    roles: ['gateway-operator', 'user'],
    tenants: ['257786991247000000'],
  });
  expect([...sut.scopes].toSorted()).toEqual(['engine:admin', 'engine:invoke']);
});

test('Entra: with paths of its own', () => {
  const claims = { scopes: ['scp'], tenants: ['tid'] };
  const sut = principal({ typ: 'not-id-token', claims }, entraUser(issuer));
  expect(sut).toMatchObject({ type: 'user', roles: ['gateway-operator'], tenants: [] });
  expect([...sut.scopes]).toEqual(['engine:invoke']);
});

test.each(['__proto__', 'constructor', 'toString'])('a role named %s brings nothing', (role) => {
  const payload = { ...keycloakUser(issuer), realm_access: { roles: [role] }, scope: '' };
  const sut = principal({ ...keycloak, roleScopes: { admin: ['engine:admin'] } }, payload);
  expect(sut.scopes.size).toBe(0);
});
