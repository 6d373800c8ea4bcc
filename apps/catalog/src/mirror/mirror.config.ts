import { setting, value } from '@proxylet/nest';

export const mirrorSettings = {
  upstreamUrl: setting({
    env: 'PROXYLET_CATALOG_UPSTREAM_URL',
    type: value.url(),
    optional: true,
    defaultText: 'none: this catalog has only what was published to it',
    description:
      'Catalog to mirror: what is public there is fetched when it is first asked for, kept and brought in step.',
  }),
  upstreamAudience: setting({
    env: 'PROXYLET_CATALOG_UPSTREAM_AUDIENCE',
    type: value.text({ max: 512 }),
    default: 'urn:proxylet:catalog',
    description: 'The `aud` of access tokens for the upstream catalog.',
  }),
  upstreamClientId: setting({
    env: 'PROXYLET_CATALOG_UPSTREAM_CLIENT_ID',
    type: value.text({ max: 255 }),
    optional: true,
    description:
      'OAuth client this catalog is at the identity manager when it reads upstream; needed with an address.',
  }),
  upstreamClientSecret: setting({
    env: 'PROXYLET_CATALOG_UPSTREAM_CLIENT_SECRET',
    type: value.text({ max: 1024 }),
    optional: true,
    secret: true,
    description: 'Secret of that client; needed with an address.',
  }),
  upstreamTokenUrl: setting({
    env: 'PROXYLET_CATALOG_UPSTREAM_TOKEN_URL',
    type: value.url(),
    optional: true,
    defaultText: 'found by discovery at the first issuer',
    description: 'Token endpoint that gives tokens for the upstream catalog.',
  }),
  upstreamTimeoutMs: setting({
    env: 'PROXYLET_CATALOG_UPSTREAM_TIMEOUT_MS',
    type: value.int({ min: 100, max: 600_000 }),
    default: '15000',
    description: 'Longest wait for the upstream catalog to begin an answer and to go on with it, ms.',
  }),
};
