import { constants, generateKeyPairSync, type KeyObject, publicEncrypt, sign } from 'node:crypto';
import { Problem } from '@proxylet/contract';
import { beforeAll, describe, expect, test } from 'vitest';
import { temporaryFolder } from '../test/test-issuer.js';
import { issuerProfileSchema } from './issuer-profile.js';
import { TokenVerifier } from './token-verifier.js';

/**
 * Signatures in the manner of the Wycheproof vectors for JSON web signatures: made here, so that each bad one differs
 * from a good one in one thing. RFC 7518 §3.3-3.5 says what is good.
 */
const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512'] as const;
type Alg = (typeof algorithms)[number];

const issuer = 'https://vectors.example';
const now = 1_790_000_000;
const curves = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' } as const;
const partBytes = { ES256: 32, ES384: 48, ES512: 66 } as const;
const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

interface Pair {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const pairs = new Map<Alg, Pair>(algorithms.map((alg) => [alg, pairFor(alg)]));

function isEc(alg: Alg): alg is keyof typeof curves {
  return alg.startsWith('ES');
}

function pairFor(alg: Alg): Pair {
  return isEc(alg) ? generateKeyPairSync('ec', { namedCurve: curves[alg] }) : rsa;
}

const payload = part({
  iss: issuer,
  sub: 'alice',
  aud: 'urn:proxylet:test',
  client_id: 'web',
  iat: now,
  exp: now + 300,
});

function text(alg: string, kid: string = alg): string {
  return `${part({ alg, typ: 'at+jwt', kid })}.${payload}`;
}

function signature(alg: Alg, what: string, changes: object = {}): Buffer {
  const { privateKey: key } = pairs.get(alg) as Pair;
  const hash = `sha${alg.slice(2)}`;
  if (isEc(alg)) return sign(hash, Buffer.from(what), { key, dsaEncoding: 'ieee-p1363', ...changes });
  const padding = alg.startsWith('PS') ? constants.RSA_PKCS1_PSS_PADDING : constants.RSA_PKCS1_PADDING;
  const saltLength = constants.RSA_PSS_SALTLEN_DIGEST;
  return sign(hash, Buffer.from(what), { key, padding, saltLength, ...changes });
}

/** A verifier with these keys, which accepts every algorithm of the family. */
async function verifies(token: string, alg: Alg, keyChanges: object = {}): Promise<boolean> {
  const keys = algorithms
    .filter((one) => isEc(one) === isEc(alg))
    .map((one) => {
      const jwk = (pairs.get(one) as Pair).publicKey.export({ format: 'jwk' });
      return Object.assign(jwk, { kid: one, alg: one, use: 'sig' }, one === alg ? keyChanges : {});
    });
  await using folder = await temporaryFolder();
  const algs = algorithms.filter((one) => isEc(one) === isEc(alg));
  const sut = await TokenVerifier.create({
    profiles: [issuerProfileSchema.parse({ issuer, jwksUri: `${issuer}/jwks`, algs: [...algs] })],
    audience: 'urn:proxylet:test',
    cacheDir: folder.path,
    now: () => now * 1000,
    fetch: () => Promise.resolve(Response.json({ keys })),
  });
  try {
    await sut.verify(token);
    return true;
  } catch (error) {
    expect(error).toBeInstanceOf(Problem);
    return false;
  } finally {
    await sut.close();
  }
}

function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}

describe.each(algorithms)('%s', (alg) => {
  const what = text(alg);
  let good: Buffer;
  beforeAll(() => {
    good = signature(alg, what);
  });
  const token = (bytes: Buffer, signed = what): string => `${signed}.${bytes.toString('base64url')}`;

  test('a good signature is good', async () => {
    expect(await verifies(token(good), alg)).toBe(true);
  });

  test('a signature changed anywhere, cut off or made longer is bad', async () => {
    const bad = [
      flipped(good, 0),
      flipped(good, good.byteLength - 1),
      flipped(good, good.byteLength >> 1),
      good.subarray(1),
      good.subarray(0, -1),
      Buffer.concat([good, Buffer.alloc(1)]),
      Buffer.concat([Buffer.alloc(1), good]),
      Buffer.alloc(good.byteLength),
      Buffer.alloc(good.byteLength, 0xff),
      Buffer.alloc(1),
    ];
    for (const bytes of bad) expect(await verifies(token(bytes), alg)).toBe(false);
  });

  test('a signature of another text is bad', async () => {
    expect(await verifies(token(signature(alg, `${what} `)), alg)).toBe(false);
    expect(await verifies(token(signature(alg, payload)), alg)).toBe(false);
  });

  test('the algorithm of the header must be that of the key', async () => {
    for (const other of algorithms.filter((one) => one !== alg)) {
      expect(await verifies(token(signature(alg, text(other, alg)), text(other, alg)), alg)).toBe(false);
    }
  });

  test('a key for encryption, for signing only or for another algorithm verifies nothing', async () => {
    expect(await verifies(token(good), alg, { use: 'enc' })).toBe(false);
    expect(await verifies(token(good), alg, { key_ops: ['sign'] })).toBe(false);
    expect(await verifies(token(good), alg, { alg: alg === 'RS256' ? 'PS256' : 'RS256' })).toBe(false);
  });
});

describe.each(['ES256', 'ES384', 'ES512'] as const)('%s', (alg) => {
  const size = partBytes[alg];
  const what = text(alg);
  const numbers: readonly (readonly [name: string, r: Buffer, s: Buffer])[] = [
    ['r = 0, s = 0', Buffer.alloc(size), Buffer.alloc(size)],
    ['r = 1, s = 0', Buffer.concat([Buffer.alloc(size - 1), Buffer.of(1)]), Buffer.alloc(size)],
    ['r = 0, s = 1', Buffer.alloc(size), Buffer.concat([Buffer.alloc(size - 1), Buffer.of(1)])],
    ['r and s beyond the order', Buffer.alloc(size, 0xff), Buffer.alloc(size, 0xff)],
  ];
  test.each(numbers)('%s is no signature', async (_name, r, s) => {
    expect(await verifies(`${what}.${Buffer.concat([r, s]).toString('base64url')}`, alg)).toBe(false);
  });

  test('a good signature in DER is bad', async () => {
    const der = signature(alg, what, { dsaEncoding: 'der' });
    expect(await verifies(`${what}.${der.toString('base64url')}`, alg)).toBe(false);
  });

  test('a key on another curve verifies nothing', async () => {
    const other = generateKeyPairSync('ec', { namedCurve: alg === 'ES256' ? 'P-384' : 'P-256' });
    const jwk = other.publicKey.export({ format: 'jwk' });
    expect(await verifies(`${what}.${signature(alg, what).toString('base64url')}`, alg, jwk)).toBe(false);
  });
});

describe('RSA', () => {
  test.each(['PS256', 'PS384', 'PS512'] as const)('%s with a salt of another length is bad', async (alg) => {
    for (const saltLength of [0, 20, constants.RSA_PSS_SALTLEN_MAX_SIGN]) {
      const token = `${text(alg)}.${signature(alg, text(alg), { saltLength }).toString('base64url')}`;
      expect(await verifies(token, alg)).toBe(false);
    }
  });

  test('PKCS #1 where PSS is due, and the other way round, is bad', async () => {
    const padding = constants.RSA_PKCS1_PSS_PADDING;
    const swapped = signature('RS256', text('RS256'), { padding }).toString('base64url');
    expect(await verifies(`${text('RS256')}.${swapped}`, 'RS256')).toBe(false);
    const plain = signature('PS256', text('PS256'), { padding: constants.RSA_PKCS1_PADDING }).toString(
      'base64url',
    );
    expect(await verifies(`${text('PS256')}.${plain}`, 'PS256')).toBe(false);
  });

  test('a hash that is not the one of the algorithm is bad', async () => {
    const { privateKey } = pairs.get('RS256') as Pair;
    for (const hash of ['sha1', 'sha384', 'sha512']) {
      const bytes = sign(hash, Buffer.from(text('RS256')), privateKey);
      expect(await verifies(`${text('RS256')}.${bytes.toString('base64url')}`, 'RS256')).toBe(false);
    }
  });

  test('an encryption with the public key is no signature', async () => {
    const key = (pairs.get('RS256') as Pair).publicKey;
    const bytes = publicEncrypt({ key, padding: constants.RSA_PKCS1_PADDING }, Buffer.from('digest'));
    expect(await verifies(`${text('RS256')}.${bytes.toString('base64url')}`, 'RS256')).toBe(false);
  });

  test('a key of 1024 bits verifies nothing', async () => {
    const short = generateKeyPairSync('rsa', { modulusLength: 1024 });
    const bytes = sign('sha256', Buffer.from(text('RS256')), short.privateKey);
    const jwk = short.publicKey.export({ format: 'jwk' });
    expect(await verifies(`${text('RS256')}.${bytes.toString('base64url')}`, 'RS256', jwk)).toBe(false);
  });
});
