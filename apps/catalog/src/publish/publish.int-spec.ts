import { createHash, randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { archiveOf } from '../testing/archives.js';
import { type Caller, type CatalogUnderTest, startCatalog } from '../testing/catalog-under-test.js';
import { everyScope } from '../testing/issuer.js';

let catalog: CatalogUnderTest;
let paula: Caller;
beforeAll(async () => {
  catalog = await startCatalog();
  paula = await catalog.as('paula');
  await paula.put('/v1/namespaces/acme');
});
afterAll(() => catalog[Symbol.asyncDispose]());

const route = (name: string, version = '1.0.0') => `/v1/proxylets/${name}/versions/${version}`;
const digestOf = (bytes: Buffer) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

const ascending = (a: number, b: number) => a - b;

async function leftovers(): Promise<string[]> {
  return await readdir(join(catalog.folder, 'staging'));
}

describe('publishing', () => {
  it('answers 201 with the address and the digest, and the version is there at once', async () => {
    const bytes = archiveOf({ name: 'acme/first' });
    const answer = await paula.send(route('acme/first'), bytes);
    expect(answer.status).toBe(201);
    expect(answer.headers['location']).toBe(route('acme/first'));
    expect(answer.headers['etag']).toBe(`"${digestOf(bytes)}"`);
    expect(answer.body).toEqual({
      name: 'acme/first',
      version: '1.0.0',
      digest: digestOf(bytes),
      sizeBytes: bytes.length,
      warnings: [],
      dryRun: false,
    });
    expect((await paula.get(route('acme/first'))).body).toMatchObject({
      digest: digestOf(bytes),
      state: 'published',
    });
    expect((await paula.download(`/v1/blobs/${digestOf(bytes)}`)).body).toEqual(bytes);
    expect(await leftovers()).toEqual([]);
  });

  it('takes the same bytes again as 200, other bytes as 409, and the first stay', async () => {
    const first = archiveOf({ name: 'acme/same' });
    expect((await paula.send(route('acme/same'), first)).status).toBe(201);
    expect((await paula.send(route('acme/same'), first)).status).toBe(200);
    const other = await paula.publish({ name: 'acme/same', main: 'export default { fetch() {} }; // other' });
    expect(other.status).toBe(409);
    expect(other.body).toMatchObject({ code: 'version-exists', digest: digestOf(first) });
    expect((await paula.get(route('acme/same'))).body).toMatchObject({ digest: digestOf(first) });
  });

  it('counts a version with other build metadata as the same number', async () => {
    expect((await paula.publish({ name: 'acme/build', version: '1.0.0+a' })).status).toBe(201);
    const answer = await paula.publish({ name: 'acme/build', version: '1.0.0+b' });
    expect(answer.body).toMatchObject({ code: 'version-exists' });
  });

  it('does every check of a dry run and stores nothing', async () => {
    const bytes = archiveOf({ name: 'acme/dry' });
    const answer = await paula.send(`${route('acme/dry')}?dry-run=true`, bytes);
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({ dryRun: true, digest: digestOf(bytes) });
    expect((await paula.get('/v1/proxylets/acme/dry')).status).toBe(404);
    expect((await paula.get(`/v1/blobs/${digestOf(bytes)}`)).status).toBe(404);
    const bad = await paula.send(
      `${route('acme/dry')}?dry-run=true`,
      archiveOf({ name: 'acme/dry', main: 'let x = ;' }),
    );
    expect(bad.body).toMatchObject({ code: 'main-invalid' });
  });

  it('gives a repeated request with an Idempotency-Key its first answer, and refuses the key for another', async () => {
    const key = { 'idempotency-key': 'upload-1' };
    const bytes = archiveOf({ name: 'acme/idem' });
    expect((await paula.send(route('acme/idem'), bytes, key)).status).toBe(201);
    expect((await paula.send(route('acme/idem'), bytes, key)).status).toBe(201);
    const other = await paula.send(
      route('acme/idem', '2.0.0'),
      archiveOf({ name: 'acme/idem', version: '2.0.0' }),
      key,
    );
    expect(other.body).toMatchObject({ status: 409, code: 'idempotency-key-reused' });
    expect((await paula.get(route('acme/idem', '2.0.0'))).status).toBe(404);
  });

  it('checks the digest a client states', async () => {
    const bytes = archiveOf({ name: 'acme/stated' });
    const base64 = createHash('sha256').update(bytes).digest('base64');
    const wrong = { 'content-digest': `sha-256=:${Buffer.alloc(32).toString('base64')}:` };
    expect((await paula.send(route('acme/stated'), bytes, wrong)).body).toMatchObject({
      code: 'digest-mismatch',
    });
    const right = { 'content-digest': `sha-256=:${base64}:` };
    expect((await paula.send(route('acme/stated'), bytes, right)).status).toBe(201);
  });

  it('takes application/octet-stream too, and nothing else', async () => {
    const bytes = archiveOf({ name: 'acme/type' });
    for (const type of [
      'application/json',
      'text/plain',
      'multipart/form-data; boundary=x',
      'application/zip',
    ]) {
      const answer = await paula.send(route('acme/type'), bytes, { 'content-type': type });
      expect([400, 415]).toContain(answer.status);
      expect(['unsupported-media-type', 'invalid-request']).toContain(answer.body.code);
    }
    expect(
      (await paula.send(route('acme/type'), bytes, { 'content-type': 'application/octet-stream' })).status,
    ).toBe(201);
  });

  it.each([
    ['manifest-mismatch', { name: 'acme/other' }],
    ['manifest-mismatch', { name: 'acme/refused', version: '1.0.1' }],
    ['manifest-invalid', { name: 'acme/refused', manifest: { dependencies: { 'acme/refused': '*' } } }],
    ['main-invalid', { name: 'acme/refused', main: 'import "node:fs"; export default {};' }],
    ['main-invalid', { name: 'acme/refused', main: 'export const x = 1;' }],
    ['main-invalid', { name: 'acme/refused', main: `${'/* long */'.repeat(5000)} export default {;` }],
  ])('refuses with %s: %j', async (code, wishes) => {
    const answer = await paula.send(route('acme/refused'), archiveOf(wishes));
    expect(answer.status).toBe(422);
    expect(answer.body).toMatchObject({ code });
    expect((await paula.get('/v1/proxylets/acme/refused')).status).toBe(404);
    expect(await leftovers()).toEqual([]);
  });

  it.each([
    ['archive-invalid', Buffer.from('no archive at all')],
    ['archive-invalid', archiveOf({ name: 'acme/hostile' }).subarray(0, -20)],
    ['archive-invalid', Buffer.concat([archiveOf({ name: 'acme/hostile' }), Buffer.from('x')])],
    ['archive-too-large', gzipSync(Buffer.alloc(40_000_000))],
    ['archive-invalid', Buffer.alloc(0)],
  ])('refuses hostile bytes with %s and goes on', async (code, bytes) => {
    const answer = await paula.send(route('acme/hostile'), bytes);
    expect(answer.body).toMatchObject({ code });
    expect(await leftovers()).toEqual([]);
  });

  it('refuses more than 32 MB while it arrives', async () => {
    const answer = await paula.send(route('acme/huge'), Buffer.alloc(33 * 1024 * 1024 + 1, 1));
    expect(answer.status).toBe(413);
    expect(answer.body).toMatchObject({ code: 'archive-too-large' });
    expect(await leftovers()).toEqual([]);
  });

  it('moves a channel in the same transaction, if the version is new', async () => {
    const first = archiveOf({ name: 'acme/chan' });
    expect((await paula.send(`${route('acme/chan')}?channel=next`, first)).status).toBe(201);
    const second = archiveOf({ name: 'acme/chan', version: '1.1.0-beta.1' });
    const to = `${route('acme/chan', '1.1.0-beta.1')}?channel=next`;
    expect((await paula.send(`${to}&dry-run=true`, second)).status).toBe(200);
    expect((await paula.get('/v1/proxylets/acme/chan/channels/next')).body.version).toBe('1.0.0');
    expect((await paula.send(to, second)).status).toBe(201);
    expect((await paula.send(`${route('acme/chan')}?channel=next`, first)).status).toBe(200);
    const { body } = await paula.get('/v1/proxylets/acme/chan/channels/next');
    expect(body.version).toBe('1.1.0-beta.1');
    expect(body.history.map(({ version }: { version: string }) => version)).toEqual([
      '1.1.0-beta.1',
      '1.0.0',
    ]);
    expect((await paula.send(to.replace('next', 'latest'), second)).body.code).toBe('invalid-name');
  });

  it('tells of what the sandbox lacks, at once and in the version', async () => {
    const main = 'export default { fetch() { return new Response(process.env.HOME); } };';
    const warning = {
      rule: 'missing-api',
      detail: 'process is of Node.js; the sandbox has web APIs only.',
      line: 1,
      column: 48,
    };
    const answer = await paula.publish({ name: 'acme/warned', main });
    expect(answer.status).toBe(201);
    expect(answer.body.warnings).toEqual([warning]);
    expect((await paula.get(route('acme/warned'))).body.warnings).toEqual([warning]);
  });

  it('refuses names and versions that are none', async () => {
    const bytes = archiveOf({ name: 'acme/x' });
    expect((await paula.send('/v1/proxylets/acme/Bad_Name/versions/1.0.0', bytes)).body).toMatchObject({
      code: 'invalid-name',
    });
    expect((await paula.send('/v1/proxylets/acme/x/versions/v1', bytes)).body).toMatchObject({
      code: 'invalid-version',
    });
  });

  it('leaves nothing of an upload that is cut off', async () => {
    const token = await catalog.issuer.token({ subject: 'paula' });
    const bytes = archiveOf({ name: 'acme/cut', readme: randomBytes(400_000).toString('hex') });
    const upload = httpRequest(`${catalog.url}${route('acme/cut')}`, {
      method: 'PUT',
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/gzip',
        'content-length': bytes.length,
      },
    });
    upload.on('error', () => undefined);
    upload.write(bytes.subarray(0, 300_000));
    await vi.waitFor(async () => {
      expect(await leftovers()).toHaveLength(1);
    });
    upload.destroy();
    await vi.waitFor(async () => {
      expect(await leftovers()).toEqual([]);
    });
    expect((await paula.get('/v1/proxylets/acme/cut')).status).toBe(404);
    expect((await paula.send(route('acme/cut'), bytes)).status).toBe(201);
  });

  it('gives one of two different uploads at once the number, and the other 409', async () => {
    const answers = await Promise.all(
      [1, 2, 3, 4].map((n) =>
        paula.publish({ name: 'acme/race', main: `export default { fetch() {} }; // ${n}` }),
      ),
    );
    expect(answers.map(({ status }) => status).toSorted(ascending)).toEqual([201, 409, 409, 409]);
    const winner = answers.find(({ status }) => status === 201);
    expect((await paula.get(route('acme/race'))).body.digest).toBe(winner?.body.digest);
  });

  it('gives equal uploads at once one 201 and else 200', async () => {
    const answers = await Promise.all([1, 2, 3, 4].map(() => paula.publish({ name: 'acme/equal' })));
    expect(answers.map(({ status }) => status).toSorted(ascending)).toEqual([200, 200, 200, 201]);
  });

  it('loses none of fifty versions published at once', async () => {
    const versions = Array.from({ length: 50 }, (_, index) => `1.${index}.0`);
    const answers = await Promise.all(
      versions.map((version) => paula.publish({ name: 'acme/many', version })),
    );
    expect(answers.every(({ status }) => status === 201)).toBe(true);
    const listed = await paula.get('/v1/proxylets/acme/many/versions?limit=100');
    expect(listed.body.items.map((item: { version: string }) => item.version)).toEqual(versions.toReversed());
    expect((await paula.get('/v1/proxylets/acme/many')).body.latest).toBe('1.49.0');
  });
});

describe('the right to publish', () => {
  it.each([
    ['without a token', 401, undefined, 'acme'],
    ['with a token for the engine', 401, { subject: 'paula', audience: 'urn:proxylet:engine:local' }, 'acme'],
    ['without the scope', 403, { subject: 'paula', scope: 'catalog:read' }, 'acme'],
    ['into a foreign namespace', 403, { subject: 'bob' }, 'acme'],
    ['into a namespace that is not there', 404, { subject: 'paula' }, 'nowhere'],
    ['as an admin role without the admin scope', 403, { subject: 'adam', roles: ['platform-admin'] }, 'acme'],
  ])('is refused %s', async (_case, status, wishes, namespace) => {
    const caller = wishes === undefined ? catalog.anonymous() : await catalog.as(wishes);
    const answer = await caller.publish({ name: `${namespace}/rights` });
    expect(answer.status).toBe(status);
    expect(answer.headers['content-type']).toContain('application/problem+json');
    expect((await paula.get('/v1/proxylets/acme/rights')).status).toBe(404);
    expect(await leftovers()).toEqual([]);
  });

  it('is a publisher’s and a platform admin’s, and no reader’s', async () => {
    for (const [member, role] of [
      ['petra', 'publisher'],
      ['rita', 'reader'],
    ]) {
      expect((await paula.put(`/v1/namespaces/acme/members/${member}`, { role })).status).toBe(200);
    }
    expect((await (await catalog.as('petra')).publish({ name: 'acme/by-petra' })).status).toBe(201);
    expect((await (await catalog.as('rita')).publish({ name: 'acme/by-rita' })).status).toBe(403);
    const admin = await catalog.as({
      subject: 'adam',
      roles: ['platform-admin'],
      scope: `${everyScope} catalog:admin`,
    });
    expect((await admin.publish({ name: 'acme/by-adam' })).status).toBe(201);
  });
});
