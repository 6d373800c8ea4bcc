import { Problem } from '@proxylet/contract';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { AskedIdm } from '../test/asked-idm.js';
import { keyrockApp, keyrockUser } from '../test/idm-shapes.js';
import { temporaryFolder } from '../test/test-issuer.js';
import { issuerProfileSchema } from './issuer-profile.js';
import { TokenVerifier } from './token-verifier.js';

let idm: AskedIdm;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let sut: TokenVerifier;
let nowMs: number;

beforeEach(async () => {
  idm = await AskedIdm.start();
  folder = await temporaryFolder();
  nowMs = Date.now();
});

afterEach(async () => {
  await sut.close();
  await idm[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

async function start(profile: object): Promise<void> {
  const options = { audience: 'urn:proxylet:test', cacheDir: folder.path, now: () => nowMs };
  sut = await TokenVerifier.create({ ...options, profiles: [issuerProfileSchema.parse(profile)] });
}

async function outcomeOf(token: string): Promise<string> {
  try {
    return (await sut.verify(token)).principal.key;
  } catch (error) {
    return error instanceof Problem ? error.code : String(error);
  }
}

const good = (changes: object = {}) => ({
  active: true,
  iss: idm.url,
  sub: 'alice',
  aud: 'urn:proxylet:test',
  client_id: 'web',
  scope: 'engine:invoke',
  token_type: 'Bearer',
  exp: Math.floor(nowMs / 1000) + 300,
  ...changes,
});

describe('introspection', () => {
  beforeEach(async () => {
    const client = { clientId: 'rs:1', clientSecret: 'secret of rs', endpoint: `${idm.url}/introspect` };
    await start({ issuer: idm.url, jwksUri: `${idm.url}/keys`, introspection: client });
    idm.questions.length = 0;
  });

  test('asks once with the credentials of the service, and believes the answer for a minute', async () => {
    idm.known.set('opaque-token-1', good());
    expect(await Promise.all([1, 2, 3].map(() => outcomeOf('opaque-token-1')))).toEqual(
      Array.from({ length: 3 }, () => `user|${idm.url}|alice`),
    );
    const asked = idm.questions.filter(({ path }) => path === '/introspect');
    expect(asked).toHaveLength(1);
    expect(asked[0]).toMatchObject({
      authorization: `Basic ${Buffer.from('rs%3A1:secret+of+rs').toString('base64')}`,
      body: 'token=opaque-token-1&token_type_hint=access_token',
    });
    idm.known.delete('opaque-token-1');
    nowMs += 59_000;
    expect(await outcomeOf('opaque-token-1')).toContain('alice');
    nowMs += 2000;
    expect(await outcomeOf('opaque-token-1')).toBe('invalid-token');
  });

  test('says until when the answer may be kept, never past the end of the token', async () => {
    idm.known.set('opaque-token-1', good({ exp: Math.floor(nowMs / 1000) + 20 }));
    const { principal } = await sut.verify('opaque-token-1');
    expect(principal.recheckAtMs).toBe(principal.expiresAtMs);
  });

  test.each([
    ['not active', { active: false }],
    ['for another audience', { aud: 'urn:proxylet:catalog' }],
    ['for no audience', { aud: undefined }],
    ['of another issuer', { iss: 'https://elsewhere.example' }],
    ['expired', { exp: 1 }],
    ['bound to a key', { cnf: { jkt: 'x' } }],
    ['to be shown with a proof', { token_type: 'DPoP' }],
    ['a refresh token', { typ: 'Refresh' }],
    ['of nobody', { sub: undefined }],
  ])('refuses what is %s', async (_name, changes) => {
    idm.known.set('opaque-token-1', good(changes));
    expect(await outcomeOf('opaque-token-1')).toBe('invalid-token');
  });

  test.each([
    ['503', 503, undefined],
    ['401, as to a wrong secret', 401, undefined],
    ['a redirect', 302, undefined],
    ['HTML', 200, '<html>'],
    ['active as a text', 200, { active: 'true' }],
    ['a list', 200, []],
  ])('an answer of %s is an outage and no refusal', async (_name, status, body) => {
    idm.status = status;
    if (body !== undefined) idm.known.set('opaque-token-1', body);
    expect(await outcomeOf('opaque-token-1')).toBe('idm-unavailable');
  });

  test('goes on for a while with those it knows while the identity manager is away, and lets nobody else in', async () => {
    idm.known.set('opaque-token-1', good({ exp: Math.floor(nowMs / 1000) + 3600 }));
    await outcomeOf('opaque-token-1');
    idm.status = 503;
    nowMs += 120_000;
    expect(await outcomeOf('opaque-token-1')).toContain('alice');
    expect(await outcomeOf('opaque-token-2')).toBe('idm-unavailable');
    nowMs += 300_000;
    expect(await outcomeOf('opaque-token-1')).toBe('idm-unavailable');
    idm.status = 200;
    nowMs += 60_000;
    expect(await outcomeOf('opaque-token-1')).toContain('alice');
  });

  test('leaves an identity manager that fails alone for a while', async () => {
    idm.status = 503;
    for (let i = 0; i < 50; i += 1) expect(await outcomeOf(`opaque-token-${i}`)).toBe('idm-unavailable');
    expect(idm.questions.length).toBeLessThanOrEqual(2);
  });

  test('a token that was refused is not asked about again at once', async () => {
    for (let i = 0; i < 10; i += 1) expect(await outcomeOf('opaque-token-x')).toBe('invalid-token');
    expect(idm.questions.filter(({ path }) => path === '/introspect')).toHaveLength(1);
  });

  test.each([
    'pxl_0123456789abcdef',
    'pxb_0123456789abcdef',
    'short',
    'with blank',
    'with\u0000nul',
    'ünicode-token',
    'x'.repeat(1025),
    'a.b.c',
  ])('asks nobody about %j', async (token) => {
    expect(await outcomeOf(token)).toBe('invalid-token');
    expect(idm.questions.filter(({ path }) => path === '/introspect')).toEqual([]);
  });
});

describe('Keyrock', () => {
  beforeEach(async () => {
    idm.unknown = {
      status: 401,
      body: { error: { message: 'Invalid token', code: 401, title: 'Unauthorized' } },
    };
    const keyrock = { url: idm.url, appId: keyrockApp };
    const roleScopes = { 'gateway-operator': ['engine:admin'], 'Acme/maintainer': ['engine:invoke'] };
    await start({ preset: 'keyrock-opaque', keyrock, roleScopes, serviceScopes: ['catalog:read'] });
  });

  test('names the application in the question and keeps the token out of the address', async () => {
    idm.known.set('0123456789abcdef', keyrockUser);
    const { principal } = await sut.verify('0123456789abcdef');
    expect(idm.questions).toEqual([
      { path: `/user?app_id=${keyrockApp}`, authorization: 'Bearer 0123456789abcdef', body: '' },
    ]);
    expect(principal).toMatchObject({
      type: 'user',
      subject: keyrockUser.id,
      roles: ['gateway-operator', 'Acme/maintainer'],
      tenants: ['acme'],
    });
    expect([...principal.scopes]).toEqual(['engine:admin', 'engine:invoke']);
  });

  test('a token without a user speaks for the application', async () => {
    idm.known.set('0123456789abcdef', { app_id: keyrockApp });
    const { principal } = await sut.verify('0123456789abcdef');
    expect(principal).toMatchObject({ type: 'service', subject: keyrockApp });
    expect([...principal.scopes]).toEqual(['catalog:read']);
  });

  test('refuses a token of another application, whatever Keyrock says', async () => {
    idm.known.set('0123456789abcdef', { ...keyrockUser, app_id: 'another', trusted_apps: [keyrockApp] });
    expect(await outcomeOf('0123456789abcdef')).toBe('invalid-token');
  });

  test('tells a refusal from an outage', async () => {
    expect(await outcomeOf('unknown-token')).toBe('invalid-token');
    idm.status = 500;
    expect(await outcomeOf('another-token')).toBe('idm-unavailable');
  });

  test('bears the odd members of some databases', async () => {
    idm.known.set('0123456789abcdef', {
      ...keyrockUser,
      extra: '{"a":1}',
      attributes: '',
      eidas_profile: null,
    });
    expect(await outcomeOf('0123456789abcdef')).toContain(keyrockUser.id);
  });
});
