import { createHmac, generateKeyPairSync } from 'node:crypto';
import { Problem } from '@proxylet/contract';
import { exportSPKI, importJWK, type JWTPayload, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TestIssuer, temporaryFolder } from '../test/test-issuer.js';
import type { z } from 'zod';
import { issuerProfileSchema } from './issuer-profile.js';
import { TokenVerifier } from './token-verifier.js';

let issuer: TestIssuer;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let sut: TokenVerifier;

beforeAll(async () => {
  issuer = await TestIssuer.start();
  folder = await temporaryFolder();
  sut = await verifierOf({});
});

afterAll(async () => {
  await sut.close();
  await issuer[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

type ProfileText = Partial<z.input<typeof issuerProfileSchema>>;

function verifierOf(profile: ProfileText): Promise<TokenVerifier> {
  return TokenVerifier.create({
    profiles: [issuerProfileSchema.parse({ issuer: issuer.url, ...profile })],
    audience: 'urn:proxylet:test',
    cacheDir: folder.path,
  });
}

async function refusalOf(token: string, verifier = sut): Promise<Problem> {
  const outcome = await verifier.verify(token).then(
    () => 'accepted',
    (error: unknown) => error,
  );
  expect(outcome).toBeInstanceOf(Problem);
  return outcome as Problem;
}

const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const nowSeconds = (): number => Math.floor(Date.now() / 1000);

test('makes the principal of a user', async () => {
  const token = await issuer.token({ roles: ['platform-admin', 7] });
  const { principal, key } = await sut.verify(token);
  expect(principal).toMatchObject({
    type: 'user',
    key: `user|${issuer.url}|alice`,
    clientId: 'web',
    roles: ['platform-admin'],
    tokenId: 'token-1',
  });
  expect([...principal.scopes]).toEqual(['catalog:read', 'catalog:publish']);
  expect(key?.type).toBe('public');
});

test('a client of the name of a user is not that user', async () => {
  const user = await sut.verify(await issuer.token({ sub: 'alice', client_id: 'web' }));
  const service = await sut.verify(await issuer.token({ sub: 'alice', client_id: 'alice' }));
  expect(service.principal.type).toBe('service');
  expect(service.principal.key).not.toBe(user.principal.key);
});

describe('refuses a token whose claims', () => {
  const now = nowSeconds();
  const attacks: [string, JWTPayload][] = [
    ['are of another issuer that is not configured', { iss: 'http://127.0.0.1:1/evil' }],
    ['name the issuer with a slash more', { iss: 'SELF/' }],
    ['have an audience of another service', { aud: 'urn:proxylet:catalog' }],
    ['have an audience that only begins like ours', { aud: 'urn:proxylet:test2' }],
    ['have an empty list of audiences', { aud: [] }],
    ['have no audience', { aud: undefined as unknown as string }],
    ['have an audience that is no text', { aud: 7 as unknown as string }],
    ['have expired', { exp: now - 60 }],
    ['have no end', { exp: undefined as unknown as number }],
    ['end in the year 1e308', { exp: 1e308 }],
    ['live longer than a day', { exp: now + 90_000 }],
    ['have an end that is text', { exp: String(now + 60) as unknown as number }],
    ['are not valid yet', { nbf: now + 120 }],
    ['were issued in the future', { iat: now + 120 }],
    ['have no time of issue', { iat: undefined as unknown as number }],
    ['have no subject', { sub: undefined as unknown as string }],
    ['have an empty subject', { sub: '' }],
    ['have a subject that is no text', { sub: { name: 'alice' } as unknown as string }],
    ['have a subject of 256 characters', { sub: 'a'.repeat(256) }],
    ['name no client', { client_id: undefined }],
    ['are bound to a DPoP key', { cnf: { jkt: 'abc' } }],
    ['are bound to a certificate', { cnf: { 'x5t#S256': 'abc' } }],
  ];
  test.each(attacks)('%s', async (_name, claims) => {
    const changes = claims.iss === 'SELF/' ? { iss: `${issuer.url}/` } : claims;
    const problem = await refusalOf(await issuer.token(changes));
    expect(problem.code).toBe('invalid-token');
  });
});

describe('refuses a token whose header', () => {
  test.each([
    ['asks for a critical extension', { crit: ['exp'] }],
    ['has b64', { b64: true }],
    ['is of an ID token', { typ: 'JWT' }],
    ['has no type', { typ: undefined }],
    ['is of a logout token', { typ: 'logout+jwt' }],
    ['names an unknown key', { kid: 'nobody' }],
    ['names a key by a path', { kid: '../../dev/null' }],
    ['names a key that is no text', { kid: 7 as unknown as string }],
    ['names a key of 257 characters', { kid: 'k'.repeat(257) }],
  ])('%s', async (_name, header) => {
    const good = await issuer.token();
    const [, payload] = good.split('.');
    const forged = `${part({ alg: 'RS256', typ: 'at+jwt', kid: 'key-1', ...header })}.${payload}.c2ln`;
    expect((await refusalOf(forged)).code).toBe('invalid-token');
  });
});

describe('refuses a forgery', () => {
  const forgeries: [string, () => Promise<string>][] = [
    [
      'without a signature algorithm',
      async () => `${part({ alg: 'none', typ: 'at+jwt' })}.${part(issuer.claims())}.AA`,
    ],
    ['without a signature', async () => `${(await issuer.token()).split('.').slice(0, 2).join('.')}.`],
    [
      'signed by HMAC with the public key as the secret',
      async () => {
        const publicKey = await importJWK(issuer.publicJwk(), 'RS256');
        const head = `${part({ alg: 'HS256', typ: 'at+jwt', kid: 'key-1' })}.${part(issuer.claims())}`;
        const secret = await exportSPKI(publicKey as CryptoKey);
        return `${head}.${createHmac('sha256', secret).update(head).digest('base64url')}`;
      },
    ],
    ['signed by a key of its own', async () => signedByStranger({})],
    ['that brings its own key along', async () => signedByStranger({ jwk: strangerJwk })],
    ['that points to its own key set', async () => signedByStranger({ jku: `${issuer.url}/jwks` })],
    ['that brings its own certificate', async () => signedByStranger({ x5c: ['AAAA'], x5u: issuer.url })],
    [
      'with another payload under a good signature',
      async () => {
        const [header, , signature] = (await issuer.token()).split('.');
        return `${header}.${part(issuer.claims({ sub: 'adam' }))}.${signature}`;
      },
    ],
    [
      'with an algorithm the profile does not list',
      async () => `${part({ alg: 'PS256', typ: 'at+jwt' })}.${part(issuer.claims())}.AA`,
    ],
    ['whose header is a list', async () => `${part([1])}.${part(issuer.claims())}.AA`],
    ['whose header is no JSON', async () => `AAAA.${part(issuer.claims())}.AA`],
    ['with padding', async () => `${await issuer.token()}=`],
    ['with a blank in it', async () => (await issuer.token()).replace('.', '. ')],
    ['with a fourth part', async () => `${await issuer.token()}.AA`],
    ['of five parts', async () => 'a.b.c.d.e'],
    ['of more than 8 KB', async () => issuer.token({ filler: 'x'.repeat(9000) })],
    ['whose last character was changed without effect', async () => malleable(await issuer.token())],
  ];
  test.each(forgeries)('%s', async (_name, forge) => {
    const token = await forge();
    const problem = await refusalOf(token);
    expect(problem.code).toBe('invalid-token');
    expect(JSON.stringify([problem.detail, String(problem.cause), problem.message])).not.toContain(
      token.slice(0, 20),
    );
  });
});

const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 });
const strangerJwk = stranger.publicKey.export({ format: 'jwk' });

function signedByStranger(header: object): Promise<string> {
  return new SignJWT(issuer.claims())
    .setProtectedHeader({ alg: 'RS256', typ: 'at+jwt', kid: 'key-1', ...header })
    .sign(stranger.privateKey);
}

/** 2048-bit signatures end in a character of which only two bits count. */
function malleable(token: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const last = alphabet.indexOf(token.at(-1) ?? '');
  const changed = `${token.slice(0, -1)}${alphabet[last + 1]}`;
  expect(Buffer.from(changed, 'base64url')).toEqual(Buffer.from(token, 'base64url'));
  return changed;
}

test('tells the holder of a genuine token why it is refused, and a forger nothing', async () => {
  const expired = await refusalOf(await issuer.token({ exp: nowSeconds() - 60 }));
  expect(expired.detail).toContain('expired');
  const foreign = await refusalOf(await issuer.token({ aud: 'urn:proxylet:catalog' }));
  expect(foreign.detail).toContain('another audience');
  const forged = await refusalOf(await signedByStranger({}));
  expect(forged.detail).toBe('The access token is not valid here.');
});

test('accepts a clock that is off by less than the skew', async () => {
  const now = nowSeconds();
  await expect(
    sut.verify(await issuer.token({ exp: now - 5, iat: now + 10, nbf: now + 10 })),
  ).resolves.toBeDefined();
});

test('takes only clients on the list', async () => {
  await using strict = disposable(await verifierOf({ clientAllow: ['cli'] }));
  expect((await refusalOf(await issuer.token(), strict.value)).code).toBe('invalid-token');
  await expect(strict.value.verify(await issuer.token({ client_id: 'cli' }))).resolves.toBeDefined();
});

test.each([
  ['a nonce', { nonce: 'n' }],
  ['a hash of an access token', { at_hash: 'h' }],
  ['the time of a login for the client itself', { auth_time: 1, azp: 'urn:proxylet:test' }],
  ['the type of a refresh token', { typ: 'Refresh' }],
  ['logout events', { events: {} }],
])('an issuer without token types: refuses what has %s', async (_name, claims) => {
  await using lax = disposable(await verifierOf({ typ: 'not-id-token' }));
  const plain = await issuer.token({ client_id: undefined, azp: 'web', typ: 'Bearer' }, { typ: 'JWT' });
  await expect(lax.value.verify(plain)).resolves.toBeDefined();
  const idToken = await issuer.token(claims, { typ: 'JWT' });
  expect((await refusalOf(idToken, lax.value)).code).toBe('invalid-token');
});

test('reads roles at a path, also as the keys of a map, and never along the prototype', async () => {
  await using nested = disposable(
    await verifierOf({ claims: { roles: ['realm', 'roles'], scopes: ['scope'] } }),
  );
  const { principal } = await nested.value.verify(
    await issuer.token({ realm: { roles: { admin: {}, user: {} } } }),
  );
  expect(principal.roles).toEqual(['admin', 'user']);
  await using inherited = disposable(
    await verifierOf({ claims: { roles: ['constructor'], scopes: ['scope'] } }),
  );
  expect((await inherited.value.verify(await issuer.token())).principal.roles).toEqual([]);
});

test('refuses to start without an issuer or an audience', async () => {
  const common = { cacheDir: folder.path, audience: 'a' };
  await expect(TokenVerifier.create({ ...common, profiles: [] })).rejects.toThrow('at least one issuer');
  const profiles = [issuerProfileSchema.parse({ issuer: issuer.url })];
  await expect(TokenVerifier.create({ ...common, profiles, audience: ' ' })).rejects.toThrow('audience');
});

function disposable(value: TokenVerifier): AsyncDisposable & { readonly value: TokenVerifier } {
  return { value, [Symbol.asyncDispose]: () => value.close() };
}
