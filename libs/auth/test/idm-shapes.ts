/**
 * Payloads of access tokens as the documentation of the identity managers shows them, with the names of this
 * project: what differs between them is what a verifier meets.
 */
export const clock = 1_790_000_000;
const times = { iat: clock, exp: clock + 300 };
const audience = 'urn:proxylet:test';

export const keycloakUser = (issuer: string) => ({
  ...times,
  auth_time: clock - 60,
  jti: 'onrtac:7b2b8e9d-6a5e-4f0f-9d9f-5f1c9b5b1f11',
  iss: issuer,
  aud: [audience, 'account'],
  sub: 'f3a1c1de-8a44-4d0c-9d3a-0d0ad2a0c0de',
  typ: 'Bearer',
  azp: 'portal',
  sid: '0c3a4b0e-6a4f-4c7e-9c9a-9a9b0b0b1c1c',
  acr: '1',
  'allowed-origins': ['https://portal.example'],
  realm_access: { roles: ['default-roles-gateway', 'offline_access', 'gateway-operator'] },
  resource_access: { portal: { roles: ['editor'] }, account: { roles: ['manage-account'] } },
  scope: 'openid engine:invoke engine:install profile email',
  organization: ['Acme', 'Bad Name!'],
  preferred_username: 'alice',
  email_verified: true,
});

export const keycloakService = (issuer: string) => ({
  ...times,
  jti: 'trrtcc:0d2f9f4e-3f1f-4b3f-8f49-61b4e8a9b777',
  iss: issuer,
  aud: [audience, 'account'],
  sub: '9d7dd8a0-21d1-4bb1-8dd1-31e0b6a5ec11',
  typ: 'Bearer',
  azp: 'gateway-1',
  client_id: 'gateway-1',
  clientHost: '10.0.0.7',
  clientAddress: '10.0.0.7',
  realm_access: { roles: ['default-roles-gateway'] },
  scope: 'catalog:read profile email',
  preferred_username: 'service-account-gateway-1',
});

export const auth0User = (issuer: string) => ({
  ...times,
  'https://proxylet/roles': ['gateway-operator'],
  iss: issuer,
  sub: 'auth0|65f0c0ffee0c0ffee0c0ffee',
  aud: [audience, 'https://tenant.eu.auth0.com/userinfo'],
  azp: 'p0rtalClientId',
  scope: 'openid profile engine:invoke',
  permissions: ['engine:install'],
  org_id: 'org_AbC123',
});

export const auth0Service = (issuer: string) => ({
  ...times,
  iss: issuer,
  sub: 'g4tewayClientId@clients',
  aud: audience,
  azp: 'g4tewayClientId',
  scope: 'catalog:read',
  gty: 'client-credentials',
});

export const zitadelProject = '257787985671520259';
export const zitadelUser = (issuer: string) => ({
  ...times,
  iss: issuer,
  sub: '257786991247884291',
  aud: ['257787985671585795@gateway', zitadelProject],
  nbf: clock,
  client_id: '257787985671585795@gateway',
  jti: 'V2_257790000000000001-at_257790000000000002',
  'urn:zitadel:iam:org:project:roles': {
    'gateway-operator': { '257786991247000000': 'acme.zitadel.example' },
    user: { '257786991247000000': 'acme.zitadel.example' },
  },
  'urn:zitadel:iam:user:resourceowner:id': '257786991247000000',
});

export const entraUser = (issuer: string) => ({
  ...times,
  aud: audience,
  iss: issuer,
  nbf: clock,
  azp: '6b1f0000-0000-4000-8000-000000000001',
  azpacr: '0',
  name: 'Alice',
  oid: '00000000-0000-0000-66f3-3332eca7ea81',
  scp: 'engine:invoke',
  roles: ['gateway-operator'],
  sub: 'AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ',
  tid: '9122040d-6c67-4c5b-b112-36a304b66dad',
  ver: '2.0',
});

export const keyrockApp = '80b0bbc1-2c6c-4e6b-a6a3-0a9b0e8f1c11';
export const keyrockUser = {
  organizations: [
    {
      id: '0eaf6f6c-1d3c-4e5e-8d9a-000000000001',
      name: 'Acme',
      description: 'the acme organisation',
      website: null,
      roles: [{ id: 'b0d1', name: 'maintainer' }],
    },
  ],
  displayName: '',
  roles: [{ id: '2f7f0b4e-7d7f-4a3e-8a6a-000000000002', name: 'gateway-operator' }],
  app_id: keyrockApp,
  trusted_apps: [],
  isGravatarEnabled: false,
  id: '6f1cf1d1-0d1d-4b8e-b7a1-000000000003',
  authorization_decision: '',
  app_azf_domain: '',
  eidas_profile: {},
  attributes: {},
  shared_attributes: '',
  email: 'alice@example.com',
  username: 'alice',
  extra: '{}',
};

/** A JWT of the same user: no issuer, no audience, no id of its own. */
export const keyrockJwt = { ...keyrockUser, sub: keyrockUser.id, type: 'user', ...times };
export const keyrockServiceJwt = { app_id: keyrockApp, ...times };
