import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { residentBytes } from '@proxylet/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
// The built catalog: what is tested is what ships.
import { Database } from '../../dist/index.js';
import { FolderBlobStore } from '../../dist/blob/folder-blob-store.js';
import { archiveRoutes, bundleOf, cancelUpload, formOf, tarMember } from '../testing/archive-routes.js';
import { badArchives, goodArchive } from '../testing/bad-archive-list.js';
import { gzipOf, manifestOf, member, sound, type TarParts } from '../testing/bad-archives.js';
import { type CatalogProcess, startCatalogProcess } from '../testing/catalog-process.js';
import { type Outcome, watchedRequest } from '../testing/watched-request.js';

const maxMs = 1000;
const starvedMaxMs = 5000;
const maxGrowthBytes = 64 * 1024 * 1024;
const mebibyte = 1024 * 1024;

let catalog: CatalogProcess;
let authorization: string;
beforeAll(async () => {
  catalog = await startCatalogProcess();
  authorization = `Bearer ${await catalog.issuer.token({ subject: 'paula' })}`;
  const headers = { authorization };
  const created = await fetch(`${catalog.service.url}/v1/namespaces/acme`, { method: 'PUT', headers });
  expect(created.status).toBe(201);
  const warm = gzipOf(manifestOf({ name: 'acme/good' }), main, { path: 'x.js', content: sound });
  expect(await publish([warm], '/v1/proxylets/acme/good/versions/1.0.0')).toMatchObject({ status: 201 });
  // Large enough for the thread that checks large modules: what it costs belongs to the idle process.
  const large = `${sound}/*${'x'.repeat(50_000)}*/`;
  const again = gzipOf(manifestOf({ name: 'acme/large' }), { path: 'main.js', content: large });
  expect(await publish([again], '/v1/proxylets/acme/large/versions/1.0.0')).toMatchObject({ status: 201 });
});
afterAll(() => catalog[Symbol.asyncDispose]());

const main: TarParts = { path: 'main.js', content: sound };
const badVersion = '/v1/proxylets/acme/bad/versions/1.0.0';

function send(
  method: string,
  path: string,
  type: string,
  pieces: Iterable<Buffer>,
  headers: Readonly<Record<string, string | number>> = {},
): Promise<Outcome> {
  return watchedRequest(catalog.service.pid, {
    method,
    url: `${catalog.service.url}${path}`,
    headers: { authorization, 'content-type': type, ...headers },
    pieces,
  });
}
const publish = (
  pieces: Iterable<Buffer>,
  path = badVersion,
  headers: Record<string, string | number> = {},
) => send('PUT', path, 'application/gzip', pieces, headers);
const publication = (pieces: Iterable<Buffer>, boundary = 'a-boundary') =>
  send('POST', '/v1/publications', `multipart/form-data; boundary=${boundary}`, pieces);
const importing = (pieces: Iterable<Buffer>) =>
  send('POST', '/v1/import', 'application/octet-stream', pieces);
const json = (method: string, path: string, body: object) =>
  send(method, path, 'application/json', [Buffer.from(JSON.stringify(body))]);

/**
 * Does it again where it was slow: other programs may have had the processor. Where they have it all the time, what
 * the catalog itself spent on it counts.
 */
async function isRefused(
  attempt: () => Promise<Outcome>,
  expected: { readonly code: string; readonly rule?: string | undefined },
): Promise<void> {
  const idle = residentBytes(catalog.service.pid) ?? 0;
  let outcome = await attempt();
  for (let turn = 0; turn < 3 && outcome.ms >= maxMs; turn += 1) outcome = await attempt();
  const { code, rule } = expected;
  expect(outcome.body).toMatchObject({ code, ...(rule === undefined ? {} : { rule }) });
  expect(outcome.status).toBe(outcome.body['status']);
  expect(outcome.status).toBeLessThan(500);
  expect(String(outcome.body['detail'])).toMatch(/^[A-Z"a-z].{10,}\.$/s);
  expect(Math.min(outcome.ms, outcome.cpuMs)).toBeLessThan(maxMs);
  expect(outcome.ms).toBeLessThan(starvedMaxMs);
  expect(outcome.peakBytes - idle).toBeLessThan(maxGrowthBytes);
}

const routes = archiveRoutes(
  () => catalog,
  () => authorization,
);
describe.each(routes)('a bad archive by $name', ({ send: sendArchive }) => {
  it.each(badArchives)('is refused: $what, with $code', async ({ code, rule, pieces }) => {
    await isRefused(() => sendArchive(pieces()), { code, rule });
  });
});

const noHash = `sha256:${'0'.repeat(64)}`;
const wrongDigest = { 'content-digest': `sha-256=:${Buffer.alloc(32).toString('base64')}:` };
const openUpload = async (size: number, digest = noHash): Promise<string> =>
  String((await json('POST', '/v1/uploads', { name: 'acme/bad', digest, size })).body['id']);
const uploadedAsOther = async (): Promise<Outcome> => {
  const bytes = goodArchive();
  const id = await openUpload(bytes.length);
  const path = `/v1/uploads/${id}`;
  await send('PATCH', path, 'application/octet-stream', [bytes], { 'upload-offset': 0 });
  const outcome = await json('PUT', badVersion, { upload: id });
  await cancelUpload(catalog, authorization, id);
  return outcome;
};
const pastItsSize = async (): Promise<Outcome> => {
  const id = await openUpload(10);
  const path = `/v1/uploads/${id}`;
  const bytes = Array.from({ length: 80 }, () => Buffer.alloc(mebibyte));
  const outcome = await send('PATCH', path, 'application/octet-stream', bytes, { 'upload-offset': 0 });
  await cancelUpload(catalog, authorization, id);
  return outcome;
};
/** 20 KB that shrink little; repeated they shrink a hundredfold. */
const text = Buffer.from(randomBytes(10_000).toString('hex'));
const deep = Buffer.from('['.repeat(50_000));
const endless = function* (piece: Buffer, times: number): Generator<Buffer> {
  for (let turn = 0; turn < times; turn += 1) yield piece;
};
const oneFile = (name: string) =>
  Buffer.from(`--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n`);

describe('what only one route has', () => {
  const cases: readonly [what: string, code: string, attempt: () => Promise<Outcome>][] = [
    [
      'a stated digest of other bytes',
      'digest-mismatch',
      () => publish([goodArchive()], badVersion, wrongDigest),
    ],
    [
      'a stated length beyond the cap',
      'archive-too-large',
      () => publish(endless(randomBytes(mebibyte), 80), badVersion, { 'content-length': 80 * mebibyte }),
    ],
    ['a version that is none', 'invalid-version', () => publish([], '/v1/proxylets/acme/bad/versions/1.0')],
    ['an upload that has another digest', 'digest-mismatch', uploadedAsOther],
    ['more than the upload was to have', 'archive-too-large', pastItsSize],
    [
      'an upload that is not there',
      'not-found',
      () => json('PUT', badVersion, { upload: crypto.randomUUID() }),
    ],
    [
      'a bundle with an archive of another digest',
      'digest-mismatch',
      () => importing(bundleOf(goodArchive(), noHash)),
    ],
    ['a bundle that breaks off', 'archive-invalid', () => importing(bundleOf(goodArchive()).slice(0, -2))],
    ['a bundle without its sums', 'bundle-invalid', () => importing(bundleOf(goodArchive()))],
    ['a bundle with a form for an index', 'bundle-invalid', () => importing(tarMember('index.json', deep))],
    [
      'a bundle whose index has 8 GB',
      'bundle-invalid',
      () =>
        importing([
          member({ path: 'index.json', size: 8 * 1024 ** 3 - 1 }).subarray(0, 512),
          ...endless(Buffer.alloc(mebibyte), 60),
        ]),
    ],
    [
      'a bundle of 1 000 000 members',
      'archive-too-large',
      () =>
        importing([
          ...bundleOf(goodArchive()).slice(0, 3),
          ...endless(Buffer.concat(Array.from({ length: 2500 }, () => member({ path: 'd', type: 'g' }))), 40),
        ]),
    ],
    [
      'a form of 1 000 000 parts',
      'invalid-request',
      () => publication(endless(Buffer.concat(Array.from({ length: 2500 }, () => oneFile('x'))), 400), 'b'),
    ],
    [
      'a form whose headers never end',
      'invalid-request',
      () => publication([Buffer.from('--b\r\n'), ...endless(Buffer.alloc(mebibyte, 'x'), 60)], 'b'),
    ],
    [
      'a form that begins otherwise',
      'invalid-request',
      () => publication(endless(Buffer.alloc(mebibyte), 60), 'b'),
    ],
    [
      'a form with a service of 60 MB',
      'invalid-request',
      () => publication(formOf(endless(Buffer.alloc(mebibyte, '['), 60), 'service')),
    ],
    [
      'a form with a service nested 50 000 deep',
      'service-invalid',
      () => publication(formOf([deep], 'service')),
    ],
    [
      'a form with a version that is none',
      'invalid-request',
      () => publication(formOf([goodArchive()], 'acme/bad@1.0')),
    ],
  ];
  it.each(cases)('is refused: %s, with %s', async (_what, code, attempt) => {
    await isRefused(attempt, { code });
  });

  it('keeps no code of twenty large archives in memory, nor does a bad one at their end', async () => {
    const idle = residentBytes(catalog.service.pid) ?? 0;
    const filler = Buffer.concat(Array.from({ length: 200 }, () => text));
    const pieces = function* (): Generator<Buffer> {
      for (let index = 0; index < 20; index += 1) {
        const name = `acme/many-${index}`;
        const map = { path: 'main.js.map', content: filler };
        const data = { path: 'data.js', content: filler };
        yield Buffer.from(`--b\r\nContent-Disposition: form-data; name="${name}@1.0.0"\r\n\r\n`);
        yield gzipOf(manifestOf({ name }), main, map, data);
        yield Buffer.from('\r\n');
      }
      yield oneFile('acme/bad@1.0.0');
      yield Buffer.from('\r\n--b--\r\n');
    };
    const { body, peakBytes } = await publication(pieces(), 'b');
    expect(body['code']).toBe('archive-invalid');
    expect(peakBytes - idle).toBeLessThan(maxGrowthBytes);
  });
});

describe('bad input', () => {
  it('that is cut off leaves nothing, and the number free', async () => {
    const { url } = catalog.service;
    const request = httpRequest(`${url}/v1/proxylets/acme/bad/versions/1.0.0`, {
      method: 'PUT',
      headers: { authorization, 'content-type': 'application/gzip', 'content-length': 1000 },
    });
    request.on('error', () => undefined);
    request.write(goodArchive().subarray(0, 100), () => request.destroy());
    await new Promise((resolve) => request.once('close', resolve));
    const again = await publish([goodArchive()]);
    expect(again.status).toBe(201);
  });

  it('in a README is kept as it is and never runs', async () => {
    const html = '<script>alert(1)</script>\n<img src=x onerror=alert(1)>';
    const bytes = gzipOf(manifestOf({ name: 'acme/html' }), main, { path: 'README.md', content: html });
    expect((await publish([bytes], '/v1/proxylets/acme/html/versions/1.0.0')).status).toBe(201);
    const readme = await fetch(`${catalog.service.url}/v1/proxylets/acme/html/versions/1.0.0/readme`, {
      headers: { authorization },
    });
    expect(await readme.text()).toBe(html);
    expect(readme.headers.get('content-type')).toMatch(/^text\/(?:plain|markdown); charset=utf-8$/);
    expect(readme.headers.get('x-content-type-options')).toBe('nosniff');
    expect(readme.headers.get('content-security-policy')).toContain("default-src 'none'");
  });

  it('has left nothing in store or database', async () => {
    await catalog.service.stop();
    const keys: string[] = [];
    for await (const { key } of new FolderBlobStore(`${catalog.folder}/blobs`).list('sha256/'))
      keys.push(key);
    const database = await Database.open({ url: undefined, folder: catalog.folder });
    const count = async (table: string) =>
      Number((await database.read.query(`SELECT COUNT(*) AS n FROM ${table}`))[0].n);
    const rows: { storage_key: string }[] = await database.read.query('SELECT storage_key FROM blob');
    const tables = ['version', 'version_state', 'proxylet', 'blob', 'service', 'upload', 'upload_part'];
    const counts = await Promise.all(tables.map(count));
    await database.close();
    expect(keys).toEqual(rows.map(({ storage_key }) => storage_key).toSorted());
    // good, large, bad at last, html
    expect(counts).toEqual([4, 4, 4, 4, 0, 0, 0]);
    const left = await readdir(catalog.folder, { recursive: true });
    expect(left.filter((path) => /^(?:staging|blobs.uploads)\/.+/.test(path))).toEqual([]);
  });
});
