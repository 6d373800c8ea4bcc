import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readIdmConfig } from './idm.config.js';
import { type Idm, startIdm } from './server.js';

const log = pino({ level: 'silent' });
let stateDir: string;
let idm: Idm;

beforeAll(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'idm-'));
  idm = await start();
});
afterAll(async () => {
  await idm.close();
  await rm(stateDir, { recursive: true });
});

function start(settings: NodeJS.ProcessEnv = {}): Promise<Idm> {
  return startIdm(readIdmConfig({ PROXYLET_STATE_DIR: stateDir, PROXYLET_IDM_PORT: '0', ...settings }), log);
}

function askToken(form: Record<string, string>, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${idm.url}/dev/token`, { method: 'POST', body: new URLSearchParams(form), headers });
}

async function json(response: Response): Promise<Record<string, unknown>> {
  return (await response.json()) as Record<string, unknown>;
}

async function tokenOf(form: Record<string, string>): Promise<string> {
  return String((await json(await askToken(form)))['access_token']);
}

function keys(): ReturnType<typeof createRemoteJWKSet> {
  return createRemoteJWKSet(new URL(`${idm.url}/jwks`));
}

async function rolesOf(user: string): Promise<unknown> {
  return (await jwtVerify(await tokenOf({ user, audience: 'engine' }), keys())).payload['roles'];
}

describe('POST /dev/token', () => {
  it('gives an RFC 9068 token for one audience, signed with a published key', async () => {
    const answer = await json(await askToken({ user: 'alice', audience: 'engine' }));
    expect(answer).toMatchObject({
      token_type: 'Bearer',
      expires_in: 3600,
      scope: 'engine:invoke engine:install',
    });
    const { payload, protectedHeader } = await jwtVerify(String(answer['access_token']), keys(), {
      issuer: idm.url,
      audience: 'urn:proxylet:engine:local',
      typ: 'at+jwt',
      algorithms: ['RS256'],
      requiredClaims: ['sub', 'client_id', 'jti', 'iat', 'exp', 'scope'],
    });
    expect(protectedHeader.kid).toBeTypeOf('string');
    expect(payload).toMatchObject({
      aud: 'urn:proxylet:engine:local',
      sub: 'alice',
      roles: ['user'],
      scope: 'engine:invoke engine:install',
    });
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(3600);
  });

  it.each([
    ['bob', 'catalog', 'catalog:read'],
    ['paula', 'catalog', 'catalog:read catalog:publish catalog:manage'],
    ['paula', 'engine', 'engine:invoke engine:install'],
    ['adam', 'catalog', 'catalog:read catalog:publish catalog:manage catalog:admin audit:read'],
    ['adam', 'engine', 'engine:invoke engine:install engine:manage engine:admin audit:read'],
  ])('gives %s for the %s the scopes %s', async (user, audience, scope) => {
    expect(await json(await askToken({ user, audience }))).toMatchObject({ scope });
  });

  it('gives adam the role of an admin and nobody else', async () => {
    expect(await rolesOf('adam')).toContain('platform-admin');
    expect(await rolesOf('paula')).not.toContain('platform-admin');
  });

  it('takes JSON, the full audience and a narrower scope', async () => {
    const response = await fetch(`${idm.url}/dev/token`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ user: 'adam', audience: 'urn:proxylet:catalog', scope: 'catalog:read' }),
    });
    const { access_token: token } = await json(response);
    expect((await jwtVerify(String(token), keys())).payload).toMatchObject({ scope: 'catalog:read' });
  });

  it.each([
    [{ user: 'mallory', audience: 'engine' }, 'invalid_grant'],
    [{ user: '__proto__', audience: 'engine' }, 'invalid_grant'],
    [{ user: 'alice', audience: 'bank' }, 'invalid_target'],
    [{ user: 'alice', audience: 'engine', scope: 'engine:admin' }, 'invalid_scope'],
    [{ user: 'alice', audience: 'engine', scope: 'catalog:read' }, 'invalid_scope'],
    [{ audience: 'engine' }, 'invalid_request'],
    [{ user: 'alice', audience: 'engine', sub: 'adam' }, 'invalid_request'],
    [{ user: 'a'.repeat(5000), audience: 'engine' }, 'invalid_request'],
  ])('refuses %j with %s', async (form, error) => {
    const response = await askToken(form);
    expect(response.status).toBe(400);
    expect(await json(response)).toMatchObject({ error, error_description: expect.any(String) as string });
  });

  it('refuses a parameter given twice, an unknown form and GET', async () => {
    const post = (type: string, body: string) =>
      fetch(`${idm.url}/dev/token`, { method: 'POST', headers: { 'content-type': type }, body });
    const form = 'application/x-www-form-urlencoded';
    expect((await post(form, 'user=bob&audience=engine&user=adam')).status).toBe(400);
    expect((await post('text/plain', 'user=bob&audience=engine')).status).toBe(400);
    expect((await fetch(`${idm.url}/dev/token?user=bob&audience=engine`)).status).toBe(405);
  });

  it('gives a web page nothing', async () => {
    const response = await askToken({ user: 'adam', audience: 'engine' }, { origin: 'https://evil.example' });
    expect(response.status).toBe(403);
    expect(response.headers.get('access-control-allow-origin')).toBeNull();
  });
});

describe('the provider', () => {
  it('describes itself by discovery under its issuer', async () => {
    expect(await json(await fetch(`${idm.url}/.well-known/openid-configuration`))).toMatchObject({
      issuer: idm.url,
      jwks_uri: `${idm.url}/jwks`,
      token_endpoint: `${idm.url}/token`,
      code_challenge_methods_supported: ['S256'],
    });
  });

  it('publishes no private key', async () => {
    const text = await (await fetch(`${idm.url}/jwks`)).text();
    expect(JSON.parse(text)).toMatchObject({ keys: [{ kty: 'RSA', use: 'sig', alg: 'RS256' }] });
    expect(text).not.toMatch(/"(?:d|p|q|dp|dq|qi)":/);
  });

  it('keeps keys over a restart, readable for their owner only, and its port', async () => {
    const token = await tokenOf({ user: 'alice', audience: 'catalog' });
    const { url } = idm;
    await idm.close();
    idm = await start();
    expect(idm.url).toBe(url);
    expect((await jwtVerify(token, keys(), { issuer: url })).payload.sub).toBe('alice');
    for (const file of ['jwks.json', 'cookie-keys.json', 'engine-client-secret']) {
      expect((await stat(join(stateDir, 'idm', file))).mode & 0o777).toBe(0o600);
    }
  });

  it('answers under no other name', async () => {
    const { request } = await import('node:http');
    const { promise, resolve } = Promise.withResolvers<number | undefined>();
    request(`${idm.url}/health/live`, { headers: { host: 'rebound.example' } }, (response) => {
      response.resume();
      resolve(response.statusCode);
    }).end();
    expect(await promise).toBe(421);
    expect(await json(await fetch(`${idm.url}/health/live`))).toEqual({ status: 'ok' });
  });

  it('takes another life of tokens and other audiences', async () => {
    const other = await mkdtemp(join(tmpdir(), 'idm-'));
    const second = await start({
      PROXYLET_STATE_DIR: other,
      PROXYLET_IDM_TOKEN_TTL_SECONDS: '60',
      PROXYLET_IDM_AUDIENCES: '{"catalog":"urn:c","engine":"urn:e"}',
    });
    try {
      const body = new URLSearchParams({ user: 'bob', audience: 'engine' });
      const answer = await json(await fetch(`${second.url}/dev/token`, { method: 'POST', body }));
      expect(answer['expires_in']).toBe(60);
      const set = createRemoteJWKSet(new URL(`${second.url}/jwks`));
      await expect(
        jwtVerify(String(answer['access_token']), set, { audience: 'urn:e' }),
      ).resolves.toBeDefined();
    } finally {
      await second.close();
      await rm(other, { recursive: true });
    }
  });
});
