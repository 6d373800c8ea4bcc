import { type Configuration, errors, Provider, type ResourceServer } from 'oidc-provider';
import type { Audiences } from './idm.config.js';
import type { IdmKeys } from './keys.js';
import { allScopes, audienceNames, users } from './users.js';

export const devClientId = 'dev-token';
const engineClientId = 'engine-local';
const engineScopes = { catalog: ['catalog:read'], engine: [] };

export interface ProviderOptions {
  readonly issuer: string;
  readonly keys: IdmKeys;
  readonly audiences: Audiences;
  readonly tokenTtlSeconds: number;
  readonly engineSecret: string;
}

/** A certified OpenID provider with the development users and clients; it keeps grants in memory. */
export function createProvider(options: ProviderOptions): Provider {
  const provider = new Provider(options.issuer, configurationOf(options));
  // Every answer of this server is for one caller only.
  provider.use(async (ctx, next) => {
    await next();
    if (!ctx.response.get('cache-control')) ctx.set('cache-control', 'no-store');
  });
  return provider;
}

function configurationOf({ keys, audiences, tokenTtlSeconds, engineSecret }: ProviderOptions): Configuration {
  return {
    jwks: { keys: keys.jwks.keys.map((key) => ({ ...key })) },
    cookies: { keys: keys.cookieKeys, long: { signed: true }, short: { signed: true } },
    clients: clientsOf(engineSecret),
    scopes: ['openid', 'offline_access', ...new Set(audienceNames.flatMap((name) => allScopes[name]))],
    responseTypes: ['code'],
    claims: { openid: ['sub', 'roles'] },
    findAccount: (_ctx, id) => {
      const user = users.get(id);
      if (user === undefined) return undefined;
      return { accountId: id, claims: () => ({ sub: id, roles: [...user.roles] }) };
    },
    extraTokenClaims: (_ctx, token) => {
      const user = 'accountId' in token ? users.get(token.accountId) : undefined;
      return { roles: [...(user?.roles ?? ['service'])] };
    },
    ttl: {
      AccessToken: tokenTtlSeconds,
      ClientCredentials: tokenTtlSeconds,
      DeviceCode: 600,
      Session: 86_400,
      Grant: 86_400,
    },
    pkce: { required: () => true },
    clientBasedCORS: (_ctx, origin) => isLoopback(origin),
    features: {
      devInteractions: { enabled: true },
      deviceFlow: { enabled: true },
      clientCredentials: { enabled: true },
      revocation: { enabled: true },
      resourceIndicators: {
        enabled: true,
        useGrantedResource: () => true,
        getResourceServerInfo: (ctx, resource, client) => {
          const audience = audienceNames.find((name) => audiences[name] === resource);
          if (audience === undefined) throw new errors.InvalidTarget();
          const user = users.get(ctx.oidc.account?.accountId ?? '');
          const scopes = client.clientId === engineClientId ? engineScopes[audience] : user?.scopes[audience];
          return resourceServer(audiences[audience], scopes ?? allScopes[audience], tokenTtlSeconds);
        },
      },
    },
  };
}

function clientsOf(engineSecret: string): NonNullable<Configuration['clients']> {
  return [
    {
      // `/dev/token` issues in its name; it can use no endpoint of its own.
      client_id: devClientId,
      redirect_uris: [],
      response_types: [],
      grant_types: [],
      token_endpoint_auth_method: 'none',
    },
    {
      client_id: engineClientId,
      client_secret: engineSecret,
      redirect_uris: [],
      response_types: [],
      grant_types: ['client_credentials'],
      token_endpoint_auth_method: 'client_secret_basic',
      scope: 'catalog:read',
    },
    {
      // A native client may use any port of the loopback address (RFC 8252 §7.3).
      client_id: 'web',
      application_type: 'native',
      redirect_uris: ['http://127.0.0.1/callback', 'http://localhost/callback'],
      response_types: ['code'],
      grant_types: ['authorization_code', 'refresh_token'],
      token_endpoint_auth_method: 'none',
    },
    {
      client_id: 'cli',
      application_type: 'native',
      redirect_uris: [],
      response_types: [],
      grant_types: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'],
      token_endpoint_auth_method: 'none',
    },
  ];
}

/** What tokens for an audience look like: RFC 9068 JWTs, RS256, with no scope but the given ones. */
export function resourceServer(
  audience: string,
  scopes: readonly string[],
  tokenTtlSeconds: number,
): ResourceServer {
  return {
    scope: scopes.join(' '),
    audience,
    accessTokenTTL: tokenTtlSeconds,
    accessTokenFormat: 'jwt',
    jwt: { sign: { alg: 'RS256' } },
  };
}

/** The portal and the console run in the browser on this machine, on whatever port. */
function isLoopback(origin: string): boolean {
  return URL.canParse(origin) && ['127.0.0.1', 'localhost', '[::1]'].includes(new URL(origin).hostname);
}
