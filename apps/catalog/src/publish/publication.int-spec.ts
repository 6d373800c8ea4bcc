import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { archiveOf } from '../testing/archives.js';
import { type Caller, type CatalogUnderTest, startCatalog } from '../testing/catalog-under-test.js';
import { keysIn } from '../testing/store.js';

let catalog: CatalogUnderTest;
let paula: Caller;
let authorization: string;
beforeAll(async () => {
  catalog = await startCatalog();
  paula = await catalog.as('paula');
  authorization = `Bearer ${await catalog.issuer.token({ subject: 'paula' })}`;
  for (const namespace of ['acme', 'other']) await paula.put(`/v1/namespaces/${namespace}`);
  await (await catalog.as('bob')).put('/v1/namespaces/bobs');
});
afterAll(() => catalog[Symbol.asyncDispose]());

interface Outcome {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

async function post(
  parts: readonly (readonly [string, Buffer | object])[],
  query = '',
  headers: Record<string, string> = {},
): Promise<Outcome> {
  const form = new FormData();
  for (const [name, part] of parts) {
    const blob = Buffer.isBuffer(part) ? new Blob([new Uint8Array(part)]) : new Blob([JSON.stringify(part)]);
    form.append(name, blob, 'file');
  }
  const response = await fetch(`${catalog.url}/v1/publications${query}`, {
    method: 'POST',
    headers: { authorization, ...headers },
    body: form,
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

const archive = (name: string, version = '1.0.0', main?: string) =>
  [`${name}@${version}`, archiveOf({ name, version, ...(main === undefined ? {} : { main }) })] as const;

describe('POST /v1/publications', () => {
  it('publishes all of a form, in two namespaces, with a service of them', async () => {
    const service = { name: 'acme/set', version: '1.0.0', proxylets: { 'acme/a': '^1', 'other/b': '^2' } };
    const parts = [archive('acme/a'), archive('other/b', '2.0.0'), ['service', service]] as const;
    const tried = await post(parts, '?dry-run=true');
    expect(tried).toMatchObject({ status: 200, body: { dryRun: true } });
    expect((await paula.get('/v1/proxylets/acme/a')).status).toBe(404);
    const done = await post(parts);
    expect(done).toMatchObject({
      status: 201,
      body: {
        versions: [
          { name: 'acme/a', version: '1.0.0', warnings: [] },
          { name: 'other/b', version: '2.0.0' },
        ],
        service: { name: 'acme/set', version: '1.0.0' },
      },
    });
    expect((await paula.get('/v1/services/acme/set')).body.proxylets).toEqual(service.proxylets);
    expect((await post(parts)).status).toBe(200);
    const [key, again] = [{ 'idempotency-key': 'p1' }, [...parts, archive('acme/a', '1.1.0')]];
    expect((await post(again, '', key)).status).toBe(201);
    expect((await post([archive('acme/a', '1.2.0')], '', key)).body).toMatchObject({
      code: 'idempotency-key-reused',
    });
  });

  it.each([
    [
      'version-exists',
      [archive('acme/new'), archive('acme/taken', '1.0.0', 'export default { fetch() {} }; // 2')],
    ],
    ['main-invalid', [archive('acme/new'), archive('acme/bad', '1.0.0', 'let x = ;')]],
    ['manifest-mismatch', [archive('acme/new'), ['acme/else@1.0.0', archive('acme/bad')[1]]]],
    ['forbidden', [archive('acme/new'), archive('bobs/x')]],
    ['not-found', [archive('acme/new'), archive('nowhere/x')]],
    ['invalid-request', [archive('acme/new'), ['acme/x', Buffer.from('x')]]],
    ['invalid-request', [archive('acme/new'), archive('acme/new')]],
    ['invalid-request', [['service', { name: 'acme/s', version: '1.0.0', proxylets: { 'acme/new': '*' } }]]],
    [
      'service-invalid',
      [archive('acme/new'), ['service', { name: 'acme/s', version: '1.0.0', proxylets: {} }]],
    ],
    [
      'service-invalid',
      [
        archive('acme/new'),
        ['service', { name: 'acme/s', version: '1.0.0', proxylets: { 'acme/new': '^7' } }],
      ],
    ],
    ['archive-invalid', [archive('acme/new'), ['acme/cut@1.0.0', archive('acme/cut')[1].subarray(0, -30)]]],
  ] as const)('publishes nothing at all where one is refused: %s', async (code, parts) => {
    await paula.publish({ name: 'acme/taken' });
    const before = await keysIn(catalog, 'sha256/');
    const outcome = await post(parts);
    expect(outcome.body).toMatchObject({ code });
    expect((await paula.get('/v1/proxylets/acme/new')).status).toBe(404);
    expect((await paula.get('/v1/services/acme/s')).status).toBe(404);
    expect(await keysIn(catalog, 'sha256/')).toEqual(before);
  });

  it.each([
    ['no boundary', 'multipart/form-data', 'x'],
    ['another boundary', 'multipart/form-data; boundary=a', '--b\r\n\r\n'],
    [
      'no end',
      'multipart/form-data; boundary=a',
      '--a\r\nContent-Disposition: form-data; name="service"\r\n\r\n{}',
    ],
    ['no name', 'multipart/form-data; boundary=a', '--a\r\nX: y\r\n\r\nz\r\n--a--\r\n'],
    ['endless headers', 'multipart/form-data; boundary=a', `--a\r\nX: ${'y'.repeat(20_000)}`],
    ['nothing', 'multipart/form-data; boundary=a', ''],
    ['no part', 'multipart/form-data; boundary=a', '--a--\r\n'],
  ])('refuses a form with %s', async (_case, type, body) => {
    const response = await fetch(`${catalog.url}/v1/publications`, {
      method: 'POST',
      headers: { authorization, 'content-type': type },
      body,
    });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ code: 'invalid-request' });
  });

  it('takes no archive by itself, and a form nowhere else', async () => {
    const headers = { authorization, 'content-type': 'application/gzip' };
    const alone = await fetch(`${catalog.url}/v1/publications`, { method: 'POST', headers, body: 'x' });
    expect(alone.status).toBe(415);
  });
});
