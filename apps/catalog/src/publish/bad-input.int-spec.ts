import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { residentBytes } from '@proxylet/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
// The built catalog: what is tested is what ships.
import { Database } from '../../dist/index.js';
import { FolderBlobStore } from '../../dist/blob/folder-blob-store.js';
import { gzipOf, manifestOf, member, pax, repeated, sound, type TarParts } from '../testing/bad-archives.js';
import { type CatalogProcess, startCatalogProcess } from '../testing/catalog-process.js';

const maxMs = 1000;
const maxGrowthBytes = 64 * 1024 * 1024;
const mebibyte = 1024 * 1024;

let catalog: CatalogProcess;
let authorization: string;
beforeAll(async () => {
  catalog = await startCatalogProcess();
  authorization = `Bearer ${await catalog.issuer.token({ subject: 'paula' })}`;
  const headers = { authorization };
  expect((await fetch(`${catalog.service.url}/v1/namespaces/acme`, { method: 'PUT', headers })).status).toBe(
    201,
  );
  const warm = gzipOf(manifestOf({ name: 'acme/good' }), main, { path: 'x.js', content: sound });
  expect(await send([warm], { name: 'acme/good' })).toMatchObject({ status: 201 });
  // Large enough for the thread that checks large modules: what it costs belongs to the idle process.
  const large = `${sound}/*${'x'.repeat(50_000)}*/`;
  const again = gzipOf(manifestOf({ name: 'acme/large' }), { path: 'main.js', content: large });
  expect(await send([again], { name: 'acme/large' })).toMatchObject({ status: 201 });
});
afterAll(() => catalog[Symbol.asyncDispose]());

const main: TarParts = { path: 'main.js', content: sound };
const good = () => gzipOf(manifestOf(), main);
const withEntry = (...entries: (TarParts | Buffer)[]) => [gzipOf(manifestOf(), main, ...entries)];

interface Outcome {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
  readonly ms: number;
  readonly peakBytes: number;
}

interface Sending {
  readonly name?: string;
  readonly version?: string;
  readonly headers?: Readonly<Record<string, string | number>>;
  readonly cutOff?: boolean;
}

/** Sends pieces as long as no answer came, as a client that does not look for one. */
async function send(pieces: Iterable<Buffer>, sending: Sending = {}): Promise<Outcome> {
  const { name = 'acme/bad', version = '1.0.0', headers = {} } = sending;
  const { pid, url } = catalog.service;
  await writeFile(`/proc/${pid}/clear_refs`, '5');
  const started = performance.now();
  const request = httpRequest(`${url}/v1/proxylets/${name}/versions/${version}`, {
    method: 'PUT',
    headers: { authorization, 'content-type': 'application/gzip', ...headers },
  });
  const answered = new Promise<Pick<Outcome, 'status' | 'body'>>((resolve, reject) => {
    request.on('error', reject);
    request.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const body = JSON.parse(Buffer.concat(chunks).toString()) as Outcome['body'];
        resolve({ status: response.statusCode ?? 0, body });
      });
    });
  });
  let isOver = false;
  void answered.then(
    () => (isOver = true),
    () => (isOver = true),
  );
  for (const piece of pieces) {
    if (isOver) break;
    if (!request.write(piece)) await new Promise((resolve) => setImmediate(resolve));
  }
  request.end();
  const answer = await answered;
  const ms = performance.now() - started;
  request.destroy();
  return { ...answer, ms, peakBytes: await peakOf(pid) };
}

async function peakOf(pid: number): Promise<number> {
  const [, kib = '0'] = /^VmHWM:\s+(\d+) kB/m.exec(await readFile(`/proc/${pid}/status`, 'latin1')) ?? [];
  return Number(kib) * 1024;
}

const oneMillion = function* (): Generator<Buffer> {
  const names = Array.from({ length: 2500 }, (_, index) => member({ path: `f${index}` }));
  yield* repeated(Buffer.concat(names), 400, Buffer.concat([member(manifestOf()), member(main)]));
};
const range = (text: string) => [gzipOf(manifestOf({ dependencies: { 'acme/other': text } }), main)];
const loneSurrogate = Buffer.from('{"name":"acme/bad","version":"1.0.0","description":"\\ud800"}');

type Case = [what: string, code: string, rule: string | undefined, pieces: () => Iterable<Buffer>, Sending?];
const cases: readonly Case[] = [
  [
    'a wrong digest',
    'digest-mismatch',
    undefined,
    () => [good()],
    { headers: { 'content-digest': `sha-256=:${Buffer.alloc(32).toString('base64')}:` } },
  ],
  ['a truncated archive', 'archive-invalid', 'gzip-incomplete', () => [good().subarray(0, -40)]],
  ['bytes after the archive', 'archive-invalid', 'gzip-trailing-bytes', () => [good(), Buffer.from('x')]],
  ['two archives in a row', 'archive-invalid', 'gzip-trailing-bytes', () => [good(), good()]],
  ['no archive', 'archive-invalid', 'gzip-form', () => [randomBytes(100_000)]],
  [
    '10 GB of zeros',
    'archive-too-large',
    'compression-ratio',
    () => repeated(Buffer.alloc(10 * mebibyte), 1000),
  ],
  [
    '10 GB of zeros in a file',
    'archive-too-large',
    'file-size',
    () =>
      repeated(
        Buffer.alloc(10 * mebibyte),
        1000,
        Buffer.concat([
          member(manifestOf()),
          member({ path: 'z', size: 8 * 1024 ** 3 - 1 }).subarray(0, 512),
        ]),
      ),
  ],
  [
    '60 MB of zeros in a file',
    'archive-too-large',
    'compression-ratio',
    () =>
      repeated(
        Buffer.alloc(10 * mebibyte),
        6,
        Buffer.concat([member(manifestOf()), member({ path: 'z', size: 60 * mebibyte }).subarray(0, 512)]),
      ),
  ],
  ['1 000 000 entries', 'archive-too-large', 'entry-count', oneMillion],
  [
    'more than 32 MB',
    'archive-too-large',
    'packed-size',
    function* () {
      const noise = randomBytes(mebibyte);
      const stored = gzipOf(manifestOf(), { path: 'n', content: noise });
      yield stored.subarray(0, -8);
      for (let turn = 0; turn < 80; turn += 1) yield noise;
    },
    { headers: { 'content-length': 100 * mebibyte } },
  ],
  ['../', 'archive-entry-refused', 'path-traversal', () => withEntry({ path: '../../etc/passwd' })],
  ['a hidden ../', 'archive-entry-refused', 'path-traversal', () => withEntry({ path: 'a/b/../../../x' })],
  ['a backslash', 'archive-entry-refused', 'path-traversal', () => withEntry({ path: '..\\x' })],
  ['an absolute path', 'archive-entry-refused', 'path-absolute', () => withEntry({ path: '/etc/passwd' })],
  ['a drive', 'archive-entry-refused', 'path-absolute', () => withEntry({ path: 'C:/x' })],
  ['a NUL', 'archive-invalid', 'path-characters', () => withEntry({ path: 'a\0b' })],
  [
    'a NUL in a pax path',
    'archive-entry-refused',
    'path-characters',
    () => withEntry(pax({ path: 'a\0b' }), { path: 'c' }),
  ],
  [
    'a lone surrogate in a path',
    'archive-invalid',
    'name-encoding',
    () => withEntry({ path: Buffer.from('a\xed\xa0\x80', 'latin1') }),
  ],
  [
    'the same name twice',
    'archive-entry-refused',
    'path-duplicate',
    () => withEntry({ path: 'a' }, { path: 'a' }),
  ],
  [
    'names that differ by case',
    'archive-entry-refused',
    'path-collision',
    () => withEntry({ path: 'a' }, { path: 'A' }),
  ],
  [
    'a file that is a folder too',
    'archive-entry-refused',
    'path-collision',
    () => withEntry({ path: 'a' }, { path: 'a/b' }),
  ],
  [
    'a symbolic link',
    'archive-entry-refused',
    'link',
    () => withEntry({ path: 'l', type: '2', linkTo: '/etc' }),
  ],
  [
    'a hard link',
    'archive-entry-refused',
    'link',
    () => withEntry({ path: 'l', type: '1', linkTo: 'main.js' }),
  ],
  ['a character device', 'archive-entry-refused', 'special-file', () => withEntry({ path: 'd', type: '3' })],
  ['a block device', 'archive-entry-refused', 'special-file', () => withEntry({ path: 'd', type: '4' })],
  ['a pipe', 'archive-entry-refused', 'special-file', () => withEntry({ path: 'd', type: '6' })],
  [
    'a pax size that differs',
    'archive-entry-refused',
    'pax-header',
    () => withEntry(pax({ size: '1' }), { path: 'a', content: 'ab' }),
  ],
  ['a pax link', 'archive-invalid', 'pax-header', () => withEntry(pax({ linkpath: '/etc' }), { path: 'a' })],
  [
    'a pax path for all',
    'archive-invalid',
    'pax-header',
    () => withEntry(pax({ path: 'a' }, 'g'), { path: 'b' }),
  ],
  [
    'a pax key twice',
    'archive-invalid',
    'pax-header',
    () => withEntry(member({ path: 'p', type: 'x', content: '9 path=a\n9 path=b\n' }), { path: 'c' }),
  ],
  [
    'a pax header of 100 KB',
    'archive-invalid',
    'pax-header',
    () => withEntry(pax({ comment: 'x'.repeat(100_000) }), { path: 'a' }),
  ],
  ['two manifests', 'archive-entry-refused', 'path-duplicate', () => withEntry(member(manifestOf()))],
  [
    'two manifests, one by case',
    'archive-entry-refused',
    'path-collision',
    () => withEntry({ path: 'Proxylet.json', content: '{}' }),
  ],
  ['no manifest', 'manifest-missing', undefined, () => [gzipOf(main)]],
  [
    'a manifest that is no JSON',
    'manifest-invalid',
    undefined,
    () => [gzipOf({ path: 'proxylet.json', content: '{' }, main)],
  ],
  [
    'a manifest nested 50 000 deep',
    'manifest-invalid',
    undefined,
    () => [gzipOf({ path: 'proxylet.json', content: '['.repeat(50_000) }, main)],
  ],
  [
    'a manifest of another name',
    'manifest-mismatch',
    undefined,
    () => [gzipOf(manifestOf({ name: 'acme/other' }), main)],
  ],
  [
    'a manifest of another version',
    'manifest-mismatch',
    undefined,
    () => [gzipOf(manifestOf({ version: '2.0.0' }), main)],
  ],
  ['a version that is none', 'invalid-version', undefined, () => [good()], { version: '1.0' }],
  [
    'a version that is none in the manifest',
    'manifest-invalid',
    undefined,
    () => [gzipOf(manifestOf({ version: '01.0.0' }), main)],
  ],
  ['a range that is none', 'manifest-invalid', undefined, () => range('not a range')],
  ['a range of 100 KB', 'manifest-invalid', undefined, () => range('1 || '.repeat(12_000))],
  [
    'a range made to be slow',
    'manifest-invalid',
    undefined,
    () => range(`${' '.repeat(200)}x${'1.'.repeat(20)}`),
  ],
  ['a range of many parts', 'manifest-invalid', undefined, () => range(`${'>=0.0.0-0 '.repeat(25)}!`)],
  [
    'a description of 1 MB',
    'manifest-invalid',
    undefined,
    () => [gzipOf(manifestOf({ description: 'x'.repeat(1_000_000) }), main)],
  ],
  [
    'a lone surrogate in the manifest',
    'manifest-invalid',
    undefined,
    () => [gzipOf({ path: 'proxylet.json', content: loneSurrogate }, main)],
  ],
  [
    'prototype names in the manifest',
    'manifest-invalid',
    undefined,
    () => [gzipOf({ path: 'proxylet.json', content: '{"__proto__":{"a":1},"constructor":{}}' }, main)],
  ],
  [
    'main that does not parse',
    'main-invalid',
    undefined,
    () => [gzipOf(manifestOf(), { path: 'main.js', content: 'let x = ;' })],
  ],
  [
    'main nested 100 000 deep',
    'main-invalid',
    undefined,
    () => [gzipOf(manifestOf(), { path: 'main.js', content: `export default ${'['.repeat(100_000)}` })],
  ],
  [
    'main that is no UTF-8',
    'main-invalid',
    undefined,
    () => [gzipOf(manifestOf(), { path: 'main.js', content: Buffer.from([0xff, 0xfe]) })],
  ],
  [
    'main that imports node:fs',
    'main-invalid',
    undefined,
    () => [gzipOf(manifestOf(), { path: 'main.js', content: `import "node:fs"; ${sound}` })],
  ],
  ['no main', 'main-missing', undefined, () => [gzipOf(manifestOf())]],
];

describe('bad input', () => {
  it.each(cases)('%s is refused with %s', async (_what, code, rule, pieces, sending) => {
    const idle = residentBytes(catalog.service.pid) ?? 0;
    let outcome = await send(pieces(), sending);
    // Other programs may have had the processor: what is slow by itself is slow again.
    for (let turn = 0; turn < 3 && outcome.ms >= maxMs; turn += 1) outcome = await send(pieces(), sending);
    expect(outcome.body).toMatchObject({ code, ...(rule === undefined ? {} : { rule }) });
    expect(outcome.status).toBe(outcome.body['status']);
    expect(String(outcome.body['detail'])).toMatch(/^[A-Z"].{10,}\.$/s);
    expect(outcome.ms).toBeLessThan(maxMs);
    expect(outcome.peakBytes - idle).toBeLessThan(maxGrowthBytes);
  });

  it('that is cut off leaves nothing, and the number free', async () => {
    const { url } = catalog.service;
    const request = httpRequest(`${url}/v1/proxylets/acme/bad/versions/1.0.0`, {
      method: 'PUT',
      headers: { authorization, 'content-type': 'application/gzip', 'content-length': 1000 },
    });
    request.on('error', () => undefined);
    request.write(good().subarray(0, 100), () => request.destroy());
    await new Promise((resolve) => request.once('close', resolve));
    const again = await send([good()]);
    expect(again.status).toBe(201);
  });

  it('in a README is kept as it is and never runs', async () => {
    const html = '<script>alert(1)</script>\n<img src=x onerror=alert(1)>';
    const bytes = gzipOf(manifestOf({ name: 'acme/html' }), main, { path: 'README.md', content: html });
    expect((await send([bytes], { name: 'acme/html' })).status).toBe(201);
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
    const counts = await Promise.all(['version', 'version_state', 'proxylet', 'upload'].map(count));
    await database.close();
    expect(keys).toEqual(rows.map(({ storage_key }) => storage_key).toSorted());
    // good, large, bad at last, html
    expect(counts).toEqual([4, 4, 4, 0]);
  });
});
