import { Problem } from '@proxylet/contract';
import { type JWTPayload, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { clock, keyrockApp, keyrockJwt, keyrockServiceJwt, keyrockUser } from '../test/idm-shapes.js';
import { TestIssuer, temporaryFolder } from '../test/test-issuer.js';
import { issuerListSchema } from './issuer-profile.js';
import { TokenVerifier } from './token-verifier.js';

const secret = '9d7a3c5e1f2b4d60';
const keyrock = { url: 'https://keyrock.example', appId: keyrockApp, jwtSecret: secret };
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let other: TestIssuer;
let sut: TokenVerifier;

beforeAll(async () => {
  folder = await temporaryFolder();
  other = await TestIssuer.start();
  const roleScopes = { 'gateway-operator': ['engine:admin'] };
  sut = await TokenVerifier.create({
    profiles: issuerListSchema.parse([{ preset: 'keyrock-jwt', keyrock, roleScopes }, { issuer: other.url }]),
    audience: 'urn:proxylet:test',
    cacheDir: folder.path,
    now: () => clock * 1000 + 1000,
  });
});

afterAll(async () => {
  await sut.close();
  await other[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

function signed(payload: object, { alg = 'HS256', key = secret } = {}): Promise<string> {
  return new SignJWT(payload as JWTPayload)
    .setProtectedHeader({ alg, typ: 'JWT' })
    .sign(new TextEncoder().encode(key));
}

async function outcomeOf(token: string): Promise<string> {
  try {
    return (await sut.verify(token)).principal.key;
  } catch (error) {
    return error instanceof Problem ? error.code : String(error);
  }
}

test('takes a JWT of our application, for as long as it is young', async () => {
  const { principal, key } = await sut.verify(await signed(keyrockJwt));
  expect(principal).toMatchObject({
    type: 'user',
    subject: keyrockUser.id,
    issuer: 'https://keyrock.example',
  });
  expect([...principal.scopes]).toEqual(['engine:admin']);
  expect(key).toBeUndefined();
  const long = await sut.verify(await signed({ ...keyrockJwt, exp: clock + 80_000 }));
  expect(long.principal.expiresAtMs).toBe((clock + 3600) * 1000);
});

test('a JWT without a user speaks for the application', async () => {
  expect(await outcomeOf(await signed(keyrockServiceJwt))).toBe(
    `service|https://keyrock.example|${keyrockApp}`,
  );
});

test('is told from a token that is to be checked with keys', async () => {
  expect(sut.isForKeys(await signed(keyrockJwt))).toBe(false);
  expect(sut.isForKeys(await other.token())).toBe(true);
});

describe('refuses a JWT', () => {
  const { exp: _exp, ...permanent } = keyrockJwt;
  test.each([
    ['without end (permanent)', permanent],
    ['of another application', { ...keyrockJwt, app_id: 'another' }],
    ['of no application', { ...keyrockJwt, app_id: undefined }],
    ['that has expired', { ...keyrockJwt, iat: clock - 600, exp: clock - 60 }],
    ['issued in the future', { ...keyrockJwt, iat: clock + 600 }],
    ['issued two hours ago', { ...keyrockJwt, iat: clock - 7200 }],
    ['with an issuer, as an ID token has', { ...keyrockJwt, iss: 'https://keyrock.example' }],
    ['with a nonce', { ...keyrockJwt, nonce: 'n' }],
    ['bound to a key', { ...keyrockJwt, cnf: { jkt: 'x' } }],
    ['whose times are texts', { ...keyrockJwt, exp: String(clock + 300) }],
  ])('%s', async (_name, payload) => {
    expect(await outcomeOf(await signed(JSON.parse(JSON.stringify(payload)) as object))).toBe(
      'invalid-token',
    );
  });

  test('signed with another secret, the empty one, or a longer hash', async () => {
    expect(await outcomeOf(await signed(keyrockJwt, { key: 'another-secret-16' }))).toBe('invalid-token');
    expect(await outcomeOf(await signed(keyrockJwt, { alg: 'HS512' }))).toBe('invalid-token');
  });

  test('signed by HMAC with the public key of another issuer', async () => {
    const key = JSON.stringify(other.publicJwk());
    expect(await outcomeOf(await signed(other.claims(), { key }))).toBe('invalid-token');
    expect(await outcomeOf(await signed({ ...other.claims(), app_id: keyrockApp }, { key: secret }))).toBe(
      'invalid-token',
    );
  });

  test('signed by a key of the other issuer', async () => {
    const token = await other.token({ ...keyrockJwt, iss: undefined } as unknown as JWTPayload);
    expect(await outcomeOf(token)).toBe('invalid-token');
  });
});
