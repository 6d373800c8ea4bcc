import { createHash } from 'node:crypto';
import { tarEnd, tarHeader, tarPadding } from '@proxylet/artifact';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Answer,
  type Caller,
  type CatalogUnderTest,
  startCatalog,
} from '../testing/catalog-under-test.js';
import { everyScope } from '../testing/issuer.js';

interface Index {
  readonly proxylets: {
    readonly versions: { state: string; stateAt: string; stateReason: string }[];
    readonly channels: { name: string; version: string; at: string }[];
  }[];
}

const version = '/v1/proxylets/acme/thumb/versions/1.0.0';
const far = '2099-01-01T00:00:00.000Z';
let catalog: CatalogUnderTest;
let olga: Caller;
let admin: Caller;
let bundle: Buffer;
beforeAll(async () => {
  catalog = await startCatalog();
  olga = await catalog.as('olga');
  admin = await catalog.as({
    subject: 'adam',
    roles: ['platform-admin'],
    scope: `${everyScope} catalog:admin`,
  });
  await olga.put('/v1/namespaces/acme');
  await olga.publish({ name: 'acme/thumb' });
  bundle = (await olga.download('/v1/export?proxylet=acme/thumb')).body as Buffer;
});
afterAll(() => catalog[Symbol.asyncDispose]());

/** The bundle with another index, sealed as if it were so from the beginning. */
function sealed(change: (index: Index) => void): Buffer {
  const files = new Map<string, Buffer>();
  for (let at = 0; bundle[at] !== 0; ) {
    const path = bundle.toString('utf8', at, bundle.indexOf(0, at));
    const size = Number.parseInt(bundle.toString('latin1', at + 124, at + 135), 8);
    files.set(path, bundle.subarray(at + 512, at + 512 + size));
    at += 512 + Math.ceil(size / 512) * 512;
  }
  const index = JSON.parse(String(files.get('index.json'))) as Index;
  change(index);
  files.set('index.json', Buffer.from(JSON.stringify(index)));
  files.delete('SHA256SUMS');
  const sums = [...files].map(([path, bytes]) => {
    return `${createHash('sha256').update(bytes).digest('hex')}  ${path}\n`;
  });
  files.set('SHA256SUMS', Buffer.from(sums.join('')));
  const members = [...files].flatMap(([path, bytes]) => [
    tarHeader(path, bytes.length),
    bytes,
    tarPadding(bytes.length),
  ]);
  return Buffer.concat([...members, tarEnd()]);
}

const send = (caller: Caller, bytes: Buffer): Promise<Answer> =>
  caller.sendPost('/v1/import', bytes, { 'content-type': 'application/octet-stream' });

describe('a bundle that its sender made up', () => {
  it('lets nothing go that the platform holds, unless an admin sends it', async () => {
    await admin.patch(version, { state: 'quarantined', reason: 'steals tokens' });
    const release = sealed(({ proxylets: [first] }) => {
      Object.assign(first?.versions[0] ?? {}, { state: 'published', stateAt: far, stateReason: 'fine' });
    });
    expect((await send(olga, release)).status).toBe(200);
    expect((await olga.get(version)).body).toMatchObject({ state: 'quarantined' });
    expect((await send(admin, release)).status).toBe(200);
    expect((await olga.get(version)).body).toMatchObject({ state: 'published' });
  });

  it.each(['latest', '1.x', '^1', '../x', 'a\0', 'A'])(
    'makes no channel %j, which no route would',
    async (name) => {
      const odd = sealed(({ proxylets: [first] }) => {
        first?.channels.push({ name, version: '1.0.0', at: far });
      });
      expect((await send(olga, odd)).body).toMatchObject({ status: 422, code: 'bundle-invalid' });
    },
  );

  it('brings no text a database refuses', async () => {
    const odd = sealed(({ proxylets: [first] }) => {
      Object.assign(first?.versions[0] ?? {}, { state: 'yanked', stateAt: far, stateReason: 'a\0' });
    });
    expect((await send(olga, odd)).body).toMatchObject({ status: 422, code: 'bundle-invalid' });
  });
});
