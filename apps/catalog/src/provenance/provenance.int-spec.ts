import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { keyIdOf, publicKeyOf, signPublication } from '@proxylet/artifact';
import type { Digest } from '@proxylet/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Caller, type CatalogUnderTest, startCatalog } from '../testing/catalog-under-test.js';

const path = '/v1/proxylets/acme/thumb/versions/1.0.0';
let catalog: CatalogUnderTest;
let paula: Caller;
let digest: Digest;
beforeAll(async () => {
  catalog = await startCatalog();
  paula = await catalog.as('paula');
  for (const namespace of ['acme', 'other']) await paula.put(`/v1/namespaces/${namespace}`);
  digest = (await paula.publish({ name: 'acme/thumb' })).body.digest as Digest;
  await paula.publish({ name: 'acme/thumb', version: '1.1.0' });
});
afterAll(() => catalog[Symbol.asyncDispose]());

const newKey = (): KeyObject => generateKeyPairSync('ed25519').privateKey;
const idOf = (key: KeyObject): string => keyIdOf(publicKeyOf(key));
const hexOf = (key: KeyObject): string => publicKeyOf(key).keyval.public;
const envelopeBy = (key: KeyObject, version = '1.0.0', bytes = digest) =>
  signPublication({ name: 'acme/thumb', version, digest: bytes }, key);

async function register(key: KeyObject, namespace = 'acme'): Promise<string> {
  const wish = { publicKey: hexOf(key), label: 'release' };
  const { status, body } = await paula.post(`/v1/namespaces/${namespace}/keys`, wish);
  expect([status, body.keyId]).toEqual([201, idOf(key)]);
  return body.keyId as string;
}

describe('the signature of a version', () => {
  it('is taken by a key of its namespace, shown with it, and changes nothing when it comes again', async () => {
    const key = newKey();
    const keyId = await register(key);
    const before = await paula.get(path);
    expect(before.body.signedBy).toEqual([]);
    const signed = await paula.put(`${path}/signatures`, envelopeBy(key));
    expect([signed.status, signed.body.items]).toMatchObject([201, [{ keyId, keyState: 'active' }]]);
    expect((await paula.put(`${path}/signatures`, envelopeBy(key))).status).toBe(200);
    const etag = { 'if-none-match': String(before.headers['etag']) };
    const after = await paula.get(path, etag);
    expect([after.status, after.body.signedBy]).toEqual([200, [keyId]]);
    const { items } = (await paula.get(`${path}/signatures`)).body;
    expect(items).toEqual(signed.body.items);
    expect(items[0].envelope).toEqual(envelopeBy(key));
    const change = { state: 'deprecated', reason: 'old' };
    expect((await paula.patch(path, change, { 'if-match': String(before.headers['etag']) })).status).toBe(
      412,
    );
    expect((await paula.patch(path, change, { 'if-match': String(after.headers['etag']) })).status).toBe(200);
  });

  it('is refused where it is for something else, or by nobody who may', async () => {
    const [key, foreign] = [newKey(), newKey()];
    await register(key);
    await register(foreign, 'other');
    const put = async (envelope: object, of = path) =>
      (await paula.put(`${of}/signatures`, envelope)).body.code;
    expect(await put(envelopeBy(newKey()))).toBe('signature-invalid');
    expect(await put(envelopeBy(foreign))).toBe('signature-invalid');
    expect(await put(envelopeBy(key, '1.1.0'))).toBe('signature-invalid');
    expect(await put(envelopeBy(key, '1.0.0', `sha256:${'0'.repeat(64)}`))).toBe('signature-invalid');
    expect(await put(envelopeBy(key), '/v1/proxylets/acme/thumb/versions/1.1.0')).toBe('signature-invalid');
    expect(await put(envelopeBy(key), '/v1/proxylets/acme/thumb/versions/9.0.0')).toBe('not-found');
    const { payload, payloadType, signatures } = envelopeBy(key);
    expect(await put({ payload, payloadType: 'text/plain', signatures })).toBe('signature-invalid');
    expect(await put({ payload: 'bm8=', payloadType, signatures })).toBe('signature-invalid');
    for (const wrong of [
      { payload: '*' },
      { signatures: [] },
      { more: 1 },
      { signatures: [{ keyid: 'x', sig: '' }] },
    ])
      expect(await put({ payload, payloadType, signatures, ...wrong })).toBe('invalid-request');
    const { items } = (await paula.get(`${path}/signatures`)).body;
    expect(items.map(({ keyId }: { keyId: string }) => keyId)).not.toContain(idOf(key));
  });
});

describe('a signing key', () => {
  it('is retired without harm to what it signed, and revoked with it; it never comes back', async () => {
    const [old, next] = [newKey(), newKey()];
    const [oldId] = [await register(old), await register(next)];
    expect((await paula.put(`${path}/signatures`, envelopeBy(old))).status).toBe(201);
    const key = `/v1/namespaces/acme/keys/${oldId}`;
    const change = (state: string) => paula.patch(key, { state, reason: 'the laptop was stolen' });
    expect((await change('retired')).body).toMatchObject({
      state: 'retired',
      reason: 'the laptop was stolen',
    });
    const signed = { name: 'acme/thumb', version: '1.1.0' };
    const second = (await paula.get('/v1/proxylets/acme/thumb/versions/1.1.0')).body.digest as Digest;
    const late = signPublication({ ...signed, digest: second }, old);
    const latePath = '/v1/proxylets/acme/thumb/versions/1.1.0/signatures';
    expect((await paula.put(latePath, late)).body.code).toBe('signature-invalid');
    const both = {
      ...late,
      signatures: [...late.signatures, ...signPublication({ ...signed, digest: second }, next).signatures],
    };
    expect((await paula.put(latePath, both)).body.items).toMatchObject([{ keyId: idOf(next) }]);
    const stateOf = async () =>
      (await paula.get(`${path}/signatures`)).body.items.find(
        ({ keyId }: { keyId: string }) => keyId === oldId,
      ).keyState;
    expect(await stateOf()).toBe('retired');
    expect((await change('revoked')).status).toBe(200);
    expect(await stateOf()).toBe('revoked');
    expect((await change('retired')).body.code).toBe('invalid-request');
    expect(
      (await paula.post('/v1/namespaces/acme/keys', { publicKey: hexOf(old), label: 'x' })).body.code,
    ).toBe('invalid-request');
  });

  it('is an Ed25519 public key of good order, in PEM or hex', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey;
    const pem = String(publicKey.export({ format: 'pem', type: 'spki' }));
    const post = (text: string) => paula.post('/v1/namespaces/acme/keys', { publicKey: text, label: 'x' });
    expect((await post(pem)).status).toBe(201);
    expect((await post(hexOf(privateKey).toUpperCase())).status).toBe(200);
    for (const text of [
      '',
      'x',
      `01${'00'.repeat(31)}`,
      String(rsa.export({ format: 'pem', type: 'spki' })),
      String(privateKey.export({ format: 'pem', type: 'pkcs8' })),
      pem.replace('MCow', 'AAAA'),
    ]) {
      const { status, body } = await post(text);
      expect([status, body.code]).toEqual([400, 'invalid-request']);
    }
    expect((await paula.get('/v1/namespaces/nowhere/keys')).status).toBe(404);
  });
});
