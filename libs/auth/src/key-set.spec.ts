import { generateKeyPairSync } from 'node:crypto';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Problem } from '@proxylet/contract';
import { expect, test, vi } from 'vitest';
import { TestIssuer, temporaryFolder } from '../test/test-issuer.js';
import { issuerProfileSchema } from './issuer-profile.js';
import { TokenVerifier, type TokenVerifierOptions } from './token-verifier.js';

async function setUp(options: Partial<TokenVerifierOptions> = {}) {
  const issuer = await TestIssuer.start();
  const folder = await temporaryFolder();
  const clock = { ms: Date.now() };
  const made: TokenVerifier[] = [];
  return {
    issuer,
    folder,
    clock,
    create: async (more: Partial<TokenVerifierOptions> = {}) => {
      const verifier = await TokenVerifier.create({
        profiles: [issuerProfileSchema.parse({ issuer: issuer.url })],
        audience: 'urn:proxylet:test',
        cacheDir: join(folder.path, 'keys'),
        now: () => clock.ms,
        ...options,
        ...more,
      });
      made.push(verifier);
      return verifier;
    },
    [Symbol.asyncDispose]: async () => {
      for (const verifier of made) await verifier.close();
      await issuer[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'ok',
    (error: unknown) => (error instanceof Problem ? error.code : String(error)),
  );
}

function storedFile(folder: string): Promise<string> {
  return vi.waitFor(async () => {
    const name = (await readdir(join(folder, 'keys'))).find((one) => one.endsWith('.json'));
    if (name === undefined) throw new Error('not written yet');
    return join(folder, 'keys', name);
  });
}

async function keysAtHand(verifier: TokenVerifier): Promise<void> {
  await vi.waitFor(() => {
    expect(verifier.status()[0]?.keys).toBeGreaterThan(0);
  });
}

test('answers tokens after a restart while the identity manager is away', async () => {
  await using sut = await setUp();
  const token = await sut.issuer.token();
  const first = await sut.create();
  await first.verify(token);
  await storedFile(sut.folder.path);
  await first.close();
  await sut.issuer.offline();
  const second = await sut.create();
  expect((await second.verify(token)).principal.subject).toBe('alice');
});

test('keeps the keys readable for the service alone', async () => {
  await using sut = await setUp();
  await (await sut.create()).verify(await sut.issuer.token());
  const keys = join(sut.folder.path, 'keys');
  const file = await storedFile(sut.folder.path);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect((await stat(keys)).mode & 0o777).toBe(0o700);
  await writeFile(file, (await readFile(file, 'utf8')).slice(0, 40));
  await sut.issuer.offline();
  expect(await codeOf((await sut.create()).verify(await sut.issuer.token()))).toBe('idm-unavailable');
});

test('an outage without keys is an outage and says when to come back', async () => {
  await using sut = await setUp();
  await sut.issuer.offline();
  const verifier = await sut.create();
  const problem = await verifier.verify(await sut.issuer.token()).catch((error: unknown) => error as Problem);
  expect(problem).toMatchObject({ code: 'idm-unavailable', status: 503 });
  expect((problem as Problem).retryAfterSeconds).toBeGreaterThan(0);
});

test('an outage without keys does not make a fetch per token', async () => {
  const fetch = vi.fn<typeof globalThis.fetch>(() => Promise.reject(new Error('away')));
  await using sut = await setUp({ fetch });
  const verifier = await sut.create();
  const token = await sut.issuer.token();
  for (let i = 0; i < 50; i += 1) expect(await codeOf(verifier.verify(token))).toBe('idm-unavailable');
  expect(fetch.mock.calls.length).toBeLessThanOrEqual(2);
});

test('finds the keys of an identity manager that comes up later', async () => {
  await using sut = await setUp();
  await sut.issuer.offline();
  const verifier = await sut.create();
  const token = await sut.issuer.token();
  expect(await codeOf(verifier.verify(token))).toBe('idm-unavailable');
  await sut.issuer.online();
  sut.clock.ms += 5000;
  expect(await codeOf(verifier.verify(token))).toBe('ok');
});

test('fifty tokens with unknown keys cost one fetch', async () => {
  await using sut = await setUp();
  const verifier = await sut.create();
  await keysAtHand(verifier);
  sut.clock.ms += 31_000;
  const before = sut.issuer.keyFetches;
  const codes = await Promise.all(
    Array.from({ length: 50 }, async (_, i) =>
      codeOf(verifier.verify(await sut.issuer.token({}, { kid: `k${i}` }))),
    ),
  );
  expect(new Set(codes)).toEqual(new Set(['invalid-token']));
  expect(sut.issuer.keyFetches - before).toBe(1);
});

test('an unknown key while the identity manager is away is an outage: it may be a new one', async () => {
  await using sut = await setUp();
  const verifier = await sut.create();
  await keysAtHand(verifier);
  await sut.issuer.offline();
  const token = await sut.issuer.token({}, { kid: 'new' });
  expect(await codeOf(verifier.verify(token))).toBe('invalid-token');
  sut.clock.ms += 31_000;
  expect(await codeOf(verifier.verify(token))).toBe('idm-unavailable');
});

test('learns a new key when a token names it', async () => {
  await using sut = await setUp();
  const verifier = await sut.create();
  await verifier.verify(await sut.issuer.token());
  await sut.issuer.addKey('key-2');
  const token = await sut.issuer.token({}, {}, 'key-2');
  expect(await codeOf(verifier.verify(token))).toBe('invalid-token');
  sut.clock.ms += 31_000;
  expect(await codeOf(verifier.verify(token))).toBe('ok');
});

test('a withdrawn key is trusted no more, and what was verified before is forgotten', async () => {
  await using sut = await setUp();
  const onTrustLost = vi.fn<() => void>();
  const verifier = await sut.create({ onTrustLost });
  await sut.issuer.addKey('key-2');
  await verifier.verify(await sut.issuer.token());
  sut.clock.ms += 31_000;
  await verifier.verify(await sut.issuer.token({ exp: Math.floor(sut.clock.ms / 1000) + 60 }, {}, 'key-2'));
  expect(onTrustLost).not.toHaveBeenCalled();
  sut.issuer.withdraw('key-1');
  sut.clock.ms += 31_000;
  await codeOf(verifier.verify(await sut.issuer.token({}, { kid: 'unknown' })));
  expect(onTrustLost).toHaveBeenCalledOnce();
  expect(await codeOf(verifier.verify(await sut.issuer.token()))).toBe('invalid-token');
});

test('keys older than maxStaleSeconds are used no more', async () => {
  await using sut = await setUp();
  const verifier = await sut.create();
  await keysAtHand(verifier);
  await sut.issuer.offline();
  sut.clock.ms += 25 * 3_600_000;
  const later = Math.floor(sut.clock.ms / 1000);
  expect(await codeOf(verifier.verify(await sut.issuer.token({ iat: later, exp: later + 60 })))).toBe(
    'idm-unavailable',
  );
});

const rsa = (bits: number) => generateKeyPairSync('rsa', { modulusLength: bits });

test.each<[string, (issuer: TestIssuer) => unknown]>([
  ['holds a private key', () => ({ keys: [rsa(2048).privateKey.export({ format: 'jwk' })] })],
  [
    'holds a symmetric key beside a good one',
    (issuer) => ({ keys: [issuer.publicJwk(), { kty: 'oct', k: 'AAAA' }] }),
  ],
  [
    'holds only a short RSA key',
    () => ({ keys: [{ ...rsa(1024).publicKey.export({ format: 'jwk' }), kid: 'key-1' }] }),
  ],
  ['holds only an encryption key', (issuer) => ({ keys: [{ ...issuer.publicJwk(), use: 'enc' }] })],
  ['is empty', () => ({ keys: [] })],
  ['is no key set', () => ['keys']],
  ['is larger than 256 KB', (issuer) => ({ keys: [issuer.publicJwk()], filler: 'x'.repeat(300_000) })],
])('a key set that %s is no key set', async (_name, document) => {
  await using sut = await setUp();
  sut.issuer.document = document(sut.issuer);
  expect(await codeOf((await sut.create()).verify(await sut.issuer.token()))).toBe('idm-unavailable');
});

test('follows no redirect to the keys', async () => {
  await using sut = await setUp();
  sut.issuer.status = 302;
  expect(await codeOf((await sut.create()).verify(await sut.issuer.token()))).toBe('idm-unavailable');
});

test('does not believe metadata that name another issuer', async () => {
  await using sut = await setUp();
  sut.issuer.claimedIssuer = 'https://evil.example';
  expect(await codeOf((await sut.create()).verify(await sut.issuer.token()))).toBe('idm-unavailable');
});

test('an empty key set later on is a failure and takes no trust away', async () => {
  await using sut = await setUp();
  const verifier = await sut.create();
  const token = await sut.issuer.token();
  await verifier.verify(token);
  sut.issuer.document = { keys: [] };
  sut.clock.ms += 31_000;
  await codeOf(verifier.verify(await sut.issuer.token({}, { kid: 'unknown' })));
  expect(await codeOf(verifier.verify(token))).toBe('ok');
});
