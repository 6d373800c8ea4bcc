import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Problem } from '@proxylet/contract';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { TestIssuer, temporaryFolder } from '../test/test-issuer.js';
import { issuerProfileSchema } from './issuer-profile.js';
import { RevocationList } from './revocation-list.js';
import { TokenVerifier } from './token-verifier.js';

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

function signed(body: object, key: KeyObject = privateKey, alg = 'EdDSA'): string {
  const iat = Math.floor(Date.now() / 1000);
  const text = `${part({ alg, typ: 'proxylet-revocations+jwt' })}.${part({ iat, ...body })}`;
  return `${text}.${sign(null, Buffer.from(text), key).toString('base64url')}`;
}

let issuer: TestIssuer;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let server: Server;
let published: string;
let nowMs: number;
let list: RevocationList;
let sut: TokenVerifier;
const onTrustLost = vi.fn<() => void>();

beforeEach(async () => {
  issuer = await TestIssuer.start();
  folder = await temporaryFolder();
  nowMs = Date.now();
  published = signed({ version: 1 });
  server = createServer((_request, response) => response.end(published));
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  await start(24);
});

afterEach(async () => {
  await sut.close();
  server.closeAllConnections();
  server.close();
  await issuer[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

const now = (): number => nowMs;

async function start(maxAgeHours: number): Promise<void> {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/revocations`;
  const maxAgeMs = maxAgeHours * 3_600_000;
  list = await RevocationList.open({ url, key: pem, folder: folder.path, maxAgeMs, now });
  sut = await TokenVerifier.create({
    profiles: [issuerProfileSchema.parse({ issuer: issuer.url })],
    audience: 'urn:proxylet:test',
    cacheDir: folder.path,
    revocations: list,
    onTrustLost,
    now,
  });
  onTrustLost.mockClear();
}

async function codeOf(token: string): Promise<string> {
  return sut.verify(token).then(
    () => 'ok',
    (error: unknown) => (error instanceof Problem ? error.code : String(error)),
  );
}

test.each([
  ['a token', () => ({ tokens: ['token-1'] })],
  [
    'a user since a moment',
    () => ({ subjects: [{ issuer: issuer.url, subject: 'alice', before: 4_000_000_000 }] }),
  ],
  ['a client', () => ({ clients: [{ issuer: issuer.url, client: 'web' }] })],
  ['a key', () => ({ keys: [{ issuer: issuer.url, kid: 'key-1' }] })],
])('keeps out %s that was revoked, and has everything before forgotten', async (_name, revoked) => {
  const token = await issuer.token();
  expect(await codeOf(token)).toBe('ok');
  published = signed({ version: 2, ...revoked() });
  await list.look();
  expect(onTrustLost).toHaveBeenCalledOnce();
  expect(await codeOf(token)).toBe('invalid-token');
});

test.each([
  ['another user', () => ({ subjects: [{ issuer: issuer.url, subject: 'bob', before: 4_000_000_000 }] })],
  [
    'the same subject of another issuer',
    () => ({ subjects: [{ issuer: 'https://x', subject: 'alice', before: 4_000_000_000 }] }),
  ],
  [
    'tokens from before this one',
    () => ({ subjects: [{ issuer: issuer.url, subject: 'alice', before: 1 }] }),
  ],
])('lets in who was not revoked: %s was', async (_name, revoked) => {
  published = signed({ version: 2, ...revoked() });
  await list.look();
  expect(await codeOf(await issuer.token())).toBe('ok');
});

test.each([
  ['signed by somebody else', () => signed({ version: 9 }, generateKeyPairSync('ed25519').privateKey)],
  ['of an older number', () => signed({ version: 2 })],
  ['with a signature of nothing', () => `${signed({ version: 9 }).split('.').slice(0, 2).join('.')}.AA`],
  ['that names another algorithm', () => signed({ version: 9 }, privateKey, 'none')],
  ['of the future', () => signed({ version: 9, iat: 4_000_000_000 })],
  ['with more in it than is known', () => signed({ version: 9, everybody: true })],
  ['that is HTML', () => '<html></html>'],
  ['of a gigabyte', () => 'x'.repeat(1_000_000)],
])('goes on with what it has when it is given a list %s', async (_name, bad) => {
  published = signed({ version: 3, tokens: ['token-1'] });
  await list.look();
  published = bad();
  await list.look();
  expect(list.status().version).toBe(3);
  expect(await codeOf(await issuer.token())).toBe('invalid-token');
});

test('remembers the list over a restart without a network', async () => {
  published = signed({ version: 2, tokens: ['token-1'] });
  await list.look();
  await sut.close();
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
  const offline = await RevocationList.open({ key: pem, folder: folder.path });
  expect(offline.status().version).toBe(2);
  await offline.close();
});

test('takes a list that was copied into the folder', async () => {
  await writeFile(join(folder.path, 'revocations.jws'), `${signed({ version: 7, tokens: ['token-1'] })}\n`);
  await list.look();
  expect(await codeOf(await issuer.token())).toBe('invalid-token');
});

test('lets nobody in when the list is older than is allowed, and has who is in forgotten', async () => {
  const token = await issuer.token({ exp: Math.floor(nowMs / 1000) + 80_000 });
  expect(await codeOf(token)).toBe('ok');
  published = '';
  nowMs += 25 * 3_600_000;
  await list.look();
  expect(onTrustLost).toHaveBeenCalledOnce();
  const later = await issuer.token({ iat: Math.floor(nowMs / 1000), exp: Math.floor(nowMs / 1000) + 60 });
  expect(await codeOf(later)).toBe('revocations-stale');
});

test.each(['', 'nonsense', privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()])(
  'fails the start where the key is none',
  async (key) => {
    await expect(RevocationList.open({ key, folder: folder.path })).rejects.toThrow('Ed25519 public key');
  },
);
