import { createHash, generateKeyPairSync } from 'node:crypto';
import { keyIdOf, publicKeyOf, TrustedMetadata } from '@proxylet/artifact';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
// The built catalog: what is tested is what ships.
import { Database } from '../../dist/index.js';
import { SecretBox } from '../../dist/sealing/secret-box.js';
import { TufPublisher } from '../../dist/tuf/tuf-publisher.js';
import { archiveOf } from '../testing/archives.js';
import { type Caller, type CatalogUnderTest, startCatalog } from '../testing/catalog-under-test.js';

const within = { timeout: 20_000, interval: 100 };
const hour = 3_600_000;
let catalog: CatalogUnderTest;
let paula: Caller;
beforeAll(async () => {
  catalog = await startCatalog({ PROXYLET_CATALOG_SIGNED_METADATA: 'true' });
  paula = await catalog.as('paula');
  for (const namespace of ['acme', 'hidden']) await paula.put(`/v1/namespaces/${namespace}`);
});
afterAll(() => catalog[Symbol.asyncDispose]());

interface Pointing {
  readonly signed: { readonly meta: Readonly<Record<string, { readonly version: number }>> };
}

async function file(name: string): Promise<Buffer> {
  const { status, body } = await paula.download(`/v1/tuf/${name}`);
  expect([name, status]).toEqual([name, 200]);
  return body as Buffer;
}

function metaIn(bytes: Buffer): Pointing['signed']['meta'] {
  return (JSON.parse(bytes.toString()) as Pointing).signed.meta;
}

/** As an engine does it: what the timestamp names, and what that names. */
async function updated(trusted: TrustedMetadata, namespaces = ['acme']): Promise<TrustedMetadata> {
  const timestamp = await file('timestamp.json');
  const snapshot = await file(`${metaIn(timestamp)['snapshot.json']?.version}.snapshot.json`);
  const of = (name: string) => file(`${metaIn(snapshot)[`${name}.json`]?.version}.${name}.json`);
  const documents = new Map<string, Buffer>();
  for (const name of namespaces) documents.set(`ns-${name}`, await of(`ns-${name}`));
  return trusted.update(
    { timestamp, snapshot, targets: await of('targets'), namespaces: documents },
    Date.now(),
  );
}

/** Signing follows publishing after a moment. */
async function eventually(check: (trusted: TrustedMetadata) => void): Promise<TrustedMetadata> {
  return await vi.waitFor(async () => {
    const trusted = await updated(TrustedMetadata.of(await file('1.root.json')));
    check(trusted);
    return trusted;
  }, within);
}

function keysIn(trusted: TrustedMetadata): unknown {
  return trusted.find('acme/keys.json')?.custom?.['keys'];
}

describe('signed metadata', () => {
  it('vouches for the bytes of what is public, soon after it is published', async () => {
    const bytes = archiveOf({ name: 'acme/thumb' });
    await paula.send('/v1/proxylets/acme/thumb/versions/1.0.0', bytes);
    const first = await eventually((trusted) => {
      expect(trusted.find('acme/thumb/1.0.0')).toMatchObject({
        length: bytes.length,
        hashes: { sha256: createHash('sha256').update(bytes).digest('hex') },
        custom: { state: 'published' },
      });
    });
    await paula.publish({ name: 'acme/thumb', version: '1.1.0' });
    await paula.patch('/v1/proxylets/acme/thumb/versions/1.0.0', {
      state: 'yanked',
      reason: 'leaks',
      severity: 'security',
    });
    await eventually((trusted) => {
      expect(trusted.find('acme/thumb/1.1.0')?.custom).toEqual({ state: 'published' });
      expect(trusted.find('acme/thumb/1.0.0')?.custom).toEqual({ state: 'yanked', severity: 'security' });
    });
    const second = await updated(first);
    expect(second.timestampVersion).toBeGreaterThan(first.timestampVersion);
  });

  it('names the keys of publishers, and what became of them', async () => {
    const key = publicKeyOf(generateKeyPairSync('ed25519').publicKey);
    const wish = { publicKey: key.keyval.public, label: 'release' };
    const { keyId } = (await paula.post('/v1/namespaces/acme/keys', wish)).body as { keyId: string };
    expect(keyId).toBe(keyIdOf(key));
    await eventually((trusted) => expect(keysIn(trusted)).toEqual({ [keyId]: { ...key, state: 'active' } }));
    await paula.patch(`/v1/namespaces/acme/keys/${keyId}`, { state: 'revoked', reason: 'stolen' });
    await eventually((trusted) => expect(keysIn(trusted)).toEqual({ [keyId]: { ...key, state: 'revoked' } }));
  });

  it('tells nobody of what is not public', async () => {
    await paula.patch('/v1/namespaces/hidden', { defaultVisibility: 'private', reason: 'ours' });
    await paula.publish({ name: 'hidden/a' });
    await paula.publish({ name: 'acme/later' });
    await eventually((trusted) => expect(trusted.find('acme/later/1.0.0')).toBeDefined());
    await paula.patch('/v1/proxylets/acme/later', { visibility: 'private', reason: 'ours' });
    await eventually((trusted) => expect(trusted.find('acme/later/1.0.0')).toBeUndefined());
    const timestamp = await file('timestamp.json');
    const { version } = (JSON.parse(timestamp.toString()) as Pointing).signed.meta['snapshot.json'] ?? {};
    expect((await file(`${version}.snapshot.json`)).toString()).not.toContain('hidden');
  });

  it('is signed anew with time only, and goes on above what was seen', async () => {
    const { nest } = catalog.app;
    let nowMs = Date.now() + 2 * hour;
    const clock = { now: () => new Date(nowMs).toISOString() };
    const publisher = new TufPublisher(nest.get(Database), nest.get(SecretBox), clock);
    const before = await updated(TrustedMetadata.of(await file('1.root.json')));
    expect(await publisher.publish()).toBe(true);
    expect(await publisher.publish()).toBe(false);
    nowMs += 100 * 24 * hour;
    expect(await publisher.publish()).toBe(true);
    const root = await file('1.root.json');
    const timestamp = await file('timestamp.json');
    expect(() => before.update({ timestamp, snapshot: root, targets: root }, nowMs)).toThrow('belongs here');
  });

  it.each([
    '',
    'x',
    'timestamp',
    '1.timestamp.json',
    'root.json',
    '9.root.json',
    '0.ns-acme.json',
    '..%2f1.root.json',
  ])('has no document %j', async (name) => {
    expect((await paula.get(`/v1/tuf/${name}`)).status).toBe(404);
  });
});
