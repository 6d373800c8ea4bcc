import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeJwt } from 'jose';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readIdmConfig } from './idm.config.js';
import { type Idm, startIdm } from './server.js';

let stateDir: string;
let idm: Idm;

beforeAll(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'idm-'));
  const config = readIdmConfig({ PROXYLET_STATE_DIR: stateDir, PROXYLET_IDM_PORT: '0' });
  idm = await startIdm(config, pino({ level: 'silent' }));
});
afterAll(async () => {
  await idm.close();
  await rm(stateDir, { recursive: true });
});

/** A browser in the little that a sign-in needs: cookies, redirects within the IdM, the form on a page. */
class Browser {
  private readonly cookies = new Map<string, string>();

  /** Follows redirects as long as they stay at the IdM; gives the page, or where it was sent away to. */
  async go(url: string, form?: Record<string, string>): Promise<{ url: string; html: string }> {
    const response = await fetch(url, {
      method: form === undefined ? 'GET' : 'POST',
      body: form === undefined ? null : new URLSearchParams(form),
      headers: { cookie: [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
      redirect: 'manual',
    });
    for (const cookie of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
      this.cookies.set(name, value);
    }
    const location = response.headers.get('location');
    if (location === null) return { url, html: await response.text() };
    const next = new URL(location, url).href;
    return next.startsWith(idm.url) ? this.go(next) : { url: next, html: '' };
  }

  /** Signs in and consents on the pages that come, until sent away or told that all is done. */
  async signIn(start: { url: string; html: string }, user: string): Promise<{ url: string; html: string }> {
    let page = start;
    while (page.html.includes('name="prompt"')) {
      const [, prompt = ''] = /name="prompt" value="([a-z]+)"/.exec(page.html) ?? [];
      const [, action = ''] = /action="([^"]+)"/.exec(page.html) ?? [];
      page = await this.go(new URL(action, page.url).href, { prompt, login: user, password: 'any' });
    }
    return page;
  }
}

async function token(form: Record<string, string>, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${idm.url}/token`, { method: 'POST', body: new URLSearchParams(form), headers });
}

const engine = 'urn:proxylet:engine:local';

describe('client web', () => {
  const redirect = 'http://127.0.0.1:7080/callback';

  async function signIn(user: string, scope: string): Promise<{ code: string; verifier: string }> {
    const verifier = randomBytes(32).toString('base64url');
    const query = new URLSearchParams({
      client_id: 'web',
      response_type: 'code',
      redirect_uri: redirect,
      scope,
      resource: engine,
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      code_challenge_method: 'S256',
    });
    const browser = new Browser();
    const { url } = await browser.signIn(await browser.go(`${idm.url}/auth?${query}`), user);
    expect(url).toContain(redirect);
    return { code: new URL(url).searchParams.get('code') ?? '', verifier };
  }

  const redeem = (code: string, verifier: string) =>
    token({
      grant_type: 'authorization_code',
      client_id: 'web',
      redirect_uri: redirect,
      code,
      code_verifier: verifier,
    });

  it('signs a user in with code and PKCE and gets a token for the engine', async () => {
    const { code, verifier } = await signIn('alice', 'openid engine:invoke engine:install');
    const answer = (await (await redeem(code, verifier)).json()) as Record<string, string>;
    expect(answer).toMatchObject({ token_type: 'Bearer', scope: 'engine:invoke engine:install' });
    expect(decodeJwt(String(answer['access_token']))).toMatchObject({
      aud: engine,
      sub: 'alice',
      client_id: 'web',
      roles: ['user'],
    });
  });

  it('gives no scope the user does not have, whatever was asked and consented to', async () => {
    const { code, verifier } = await signIn('bob', 'openid engine:invoke engine:admin audit:read');
    const answer = (await (await redeem(code, verifier)).json()) as Record<string, string>;
    expect(decodeJwt(String(answer['access_token']))).toMatchObject({ sub: 'bob', scope: 'engine:invoke' });
  });

  it('gets nothing for a code without its verifier', async () => {
    const { code } = await signIn('alice', 'openid engine:invoke');
    expect((await redeem(code, randomBytes(32).toString('base64url'))).status).toBe(400);
  });
});

describe('client cli', () => {
  it('gets a token by the device flow once the user has confirmed the code', async () => {
    const asked = await fetch(`${idm.url}/device/auth`, {
      method: 'POST',
      body: new URLSearchParams({ client_id: 'cli', scope: 'openid engine:invoke', resource: engine }),
    });
    const device = (await asked.json()) as Record<string, string>;
    const poll = async () =>
      token({
        grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
        client_id: 'cli',
        device_code: String(device['device_code']),
      });
    expect(await (await poll()).json()).toMatchObject({ error: 'authorization_pending' });
    const browser = new Browser();
    const start = await browser.go(String(device['verification_uri_complete']));
    const [, xsrf = ''] = /name="xsrf" value="([^"]+)"/.exec(start.html) ?? [];
    const confirmed = await browser.go(`${idm.url}/device`, {
      xsrf,
      user_code: String(device['user_code']),
      confirm: 'yes',
    });
    await browser.signIn(confirmed, 'paula');
    const answer = (await (await poll()).json()) as Record<string, string>;
    expect(decodeJwt(String(answer['access_token']))).toMatchObject({
      aud: engine,
      sub: 'paula',
      client_id: 'cli',
      scope: 'engine:invoke',
    });
  });
});

async function askAsEngine(resource: string, scope: string, password?: string): Promise<Response> {
  const secret = password ?? (await readFile(join(stateDir, 'idm/engine-client-secret'), 'utf8')).trim();
  const authorization = `Basic ${Buffer.from(`engine-local:${secret}`).toString('base64')}`;
  return token({ grant_type: 'client_credentials', resource, scope }, { authorization });
}

describe('client engine-local', () => {
  it('gets a token of its own that reads the catalog', async () => {
    const answer = (await (await askAsEngine('urn:proxylet:catalog', 'catalog:read')).json()) as Record<
      string,
      string
    >;
    expect(decodeJwt(String(answer['access_token']))).toMatchObject({
      aud: 'urn:proxylet:catalog',
      sub: 'engine-local',
      client_id: 'engine-local',
      scope: 'catalog:read',
      roles: ['service'],
    });
  });

  it.each([
    ['urn:proxylet:catalog', 'catalog:publish', undefined, 400],
    ['urn:somewhere:else', 'catalog:read', undefined, 400],
    ['urn:proxylet:catalog', 'catalog:read', 'guess', 401],
  ])('is refused %s with %s and password %s', async (resource, scope, password, status) => {
    expect((await askAsEngine(resource, scope, password)).status).toBe(status);
  });
});
