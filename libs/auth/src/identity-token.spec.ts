import { Problem } from '@proxylet/contract';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TestIssuer } from '../test/test-issuer.js';
import { IdentityTokens, issuerOf } from './identity-token.js';

let ci: TestIssuer;
beforeAll(async () => {
  ci = await TestIssuer.start('ES256');
});
afterAll(() => ci[Symbol.asyncDispose]());

const audience = 'catalog';
const identityToken = (claims: Record<string, unknown> = {}, header: Record<string, unknown> = {}) =>
  ci.token({ aud: audience, sub: 'repo:acme/thumb', ...claims }, { typ: 'JWT', ...header });

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (error instanceof Problem) return error.code;
    throw error;
  }
  return 'none';
}

test('tells who the token is of', async () => {
  const identity = await new IdentityTokens().verify(await identityToken({ ref: 'main' }), ci.url, [
    audience,
  ]);
  expect(identity).toMatchObject({
    issuer: ci.url,
    subject: 'repo:acme/thumb',
    audience,
    claims: { ref: 'main' },
  });
});

const now = () => Math.floor(Date.now() / 1000);
describe('refuses a token', () => {
  test.each<[string, () => Record<string, unknown>]>([
    ['that has expired', () => ({ exp: now() - 60, iat: now() - 120 })],
    ['of the future', () => ({ iat: now() + 120 })],
    ['that is not valid yet', () => ({ nbf: now() + 120 })],
    ['older than 10 minutes, however long it lives', () => ({ iat: now() - 700, exp: now() + 86_400 })],
    ['for another audience', () => ({ aud: 'elsewhere' })],
    ['for several audiences', () => ({ aud: [audience, 'elsewhere'] })],
    ['without an audience', () => ({ aud: undefined })],
    ['without the time of its issue', () => ({ iat: undefined })],
    ['without an end', () => ({ exp: undefined })],
    ['with an empty subject', () => ({ sub: '' })],
    ['with a line break in its subject', () => ({ sub: 'a\nb' })],
    ['of another issuer', () => ({ iss: 'https://elsewhere.example' })],
  ])('%s', async (_name, claims) => {
    const sut = new IdentityTokens();
    expect(await codeOf(sut.verify(await identityToken(claims()), ci.url, [audience]))).toBe('invalid-token');
  });

  test('that is an access token', async () => {
    const token = await identityToken({}, { typ: 'at+jwt' });
    expect(await codeOf(new IdentityTokens().verify(token, ci.url, [audience]))).toBe('invalid-token');
  });

  test.each([
    ['whose payload was changed', (parts: string[]) => [parts[0], forged(parts[1] ?? ''), parts[2]]],
    ['without a signature', (parts: string[]) => [none(), parts[1], 'AA']],
    ['that is no token', () => ['a', 'b', 'c']],
  ])('%s', async (_name, change) => {
    const token = change((await identityToken()).split('.')).join('.');
    expect(await codeOf(new IdentityTokens().verify(token, ci.url, [audience]))).toBe('invalid-token');
  });
});

function forged(payload: string): string {
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as object;
  return Buffer.from(JSON.stringify({ ...claims, sub: 'repo:evil/evil' })).toString('base64url');
}

function none(): string {
  return Buffer.from('{"alg":"none","typ":"JWT"}').toString('base64url');
}

test('two tokens with one jti are one, also after another signature; without a jti the content counts', async () => {
  const sut = new IdentityTokens();
  const fingerprint = async (token: string) => (await sut.verify(token, ci.url, [audience])).fingerprint;
  const first = await fingerprint(await identityToken({ jti: 'a' }));
  expect(await fingerprint(await identityToken({ jti: 'a', ref: 'other' }))).toBe(first);
  expect(await fingerprint(await identityToken({ jti: 'b' }))).not.toBe(first);
  const claims = { jti: undefined, iat: now(), exp: now() + 100 };
  // ES256 signs with a new random number each time.
  const [once, again] = [await identityToken(claims), await identityToken(claims)];
  expect(once).not.toBe(again);
  expect(await fingerprint(once)).toBe(await fingerprint(again));
});

test('a flood of tokens with unknown keys costs the issuer one fetch, and new keys are found', async () => {
  const clock = { ms: Date.now() };
  const sut = new IdentityTokens({ now: () => clock.ms });
  await sut.verify(await identityToken(), ci.url, [audience]);
  const before = ci.keyFetches;
  await ci.addKey('key-2', 'ES256');
  const fresh = await ci.token({ aud: audience }, { typ: 'JWT' }, 'key-2');
  const codes = await Promise.all(
    Array.from({ length: 20 }, () => codeOf(sut.verify(fresh, ci.url, [audience]))),
  );
  expect(new Set(codes)).toEqual(new Set(['invalid-token']));
  expect(ci.keyFetches).toBe(before);
  clock.ms += 31_000;
  expect(await codeOf(sut.verify(fresh, ci.url, [audience]))).toBe('none');
  expect(ci.keyFetches).toBe(before + 1);
});

test('keys the issuer has withdrawn are forgotten after 10 minutes, also while it is away', async () => {
  const clock = { ms: Date.now() };
  const sut = new IdentityTokens({ now: () => clock.ms });
  const at = () => ({ iat: Math.floor(clock.ms / 1000), exp: Math.floor(clock.ms / 1000) + 60 });
  await sut.verify(await identityToken(at()), ci.url, [audience]);
  await ci.offline();
  clock.ms += 500_000;
  expect(await codeOf(sut.verify(await identityToken(at()), ci.url, [audience]))).toBe('none');
  clock.ms += 200_000;
  expect(await codeOf(sut.verify(await identityToken(at()), ci.url, [audience]))).toBe('idm-unavailable');
  await ci.online();
});

test('an issuer on the net cannot send us to a port of this machine', async () => {
  const asked: string[] = [];
  const sut = new IdentityTokens({
    fetch: (input) => {
      const url = input instanceof Request ? input.url : String(input);
      asked.push(url);
      const document = { issuer: 'https://ci.example', jwks_uri: `${ci.url}/jwks` };
      return Promise.resolve(Response.json(document));
    },
  });
  const token = await identityToken({ iss: 'https://ci.example' });
  expect(await codeOf(sut.verify(token, 'https://ci.example', [audience]))).toBe('idm-unavailable');
  expect(asked).toEqual(['https://ci.example/.well-known/openid-configuration']);
});

test('the issuer of what is no token is refused', async () => {
  expect(issuerOf(await identityToken())).toBe(ci.url);
  expect(() => issuerOf('nonsense')).toThrow(Problem);
  expect(() => issuerOf('a.b.c')).toThrow(Problem);
});
