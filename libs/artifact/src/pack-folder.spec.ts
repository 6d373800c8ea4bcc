import { mkdir, mkdtemp, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { parseManifest } from '@proxylet/contract';
import * as fc from 'fast-check';
import { extract } from 'tar-stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { extractMain } from './extract-main.js';
import { defaultLimits } from './limits.js';
import { digestOf, pack, packFolder } from './pack-folder.js';
import { faultOfPath, foldPath } from './path-rules.js';

const manifestSource = `{
  // the name
  "$schema": "./schema.json", "version": "1.2.3", "name": "acme/thumb",
  "runtime": { "type": "isolate", "version": "^1" }, "capabilities": ["kv"],
}`;
const main = 'export default { fetch() { return new Response("ok"); } };\n';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pack-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function write(files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
}

const complete = {
  'proxylet.jsonc': manifestSource,
  'dist/index.js': main,
  'dist/index.js.map': '{"version":3}',
  'README.md': '# Thumb\n',
  'CHANGELOG.md': '1.2.3\n',
  LICENSE: 'Apache-2.0\n',
  'src/index.ts': 'secret source',
  '.env': 'TOKEN=1',
};

describe('packFolder', () => {
  it('packs manifest, main, source map and documents, and nothing else', async () => {
    await write(complete);
    const packed = await packFolder(folder);
    expect(packed.files.map(({ path }) => path)).toEqual([
      'proxylet.json',
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'dist/index.js',
      'dist/index.js.map',
    ]);
    const extracted = await extractMain(packed.bytes);
    expect(extracted).toMatchObject({
      main,
      readme: '# Thumb\n',
      sourceMap: '{"version":3}',
      digest: packed.digest,
    });
    expect(extracted.manifest).toMatchObject({ name: 'acme/thumb', main: 'dist/index.js', scope: 'user' });
    expect(extracted.manifest).not.toHaveProperty('$schema');
    expect(packed.digest).toBe(digestOf(packed.bytes));
  });

  it('gives the same bytes whatever the times of the files; the digest is pinned for every machine', async () => {
    await write(complete);
    const first = await packFolder(folder);
    await utimes(join(folder, 'README.md'), 1, 1);
    const second = await packFolder(folder);
    expect(second.digest).toBe(first.digest);
    expect(first.digest).toBe('sha256:4bf6efd864b267a7c47f5c15866a47ff4f8ef23e78968f535b343de108c813c5');
  });

  it('is read by other tar programs', async () => {
    await write({
      ...complete,
      'proxylet.jsonc': manifestSource.replace(
        '"name"',
        `"main": "${'d/'.repeat(14)}${'n'.repeat(101)}.js", "name"`,
      ),
    });
    await write({ [`${'d/'.repeat(14)}${'n'.repeat(101)}.js`]: main });
    const packed = await packFolder(folder);
    const names: string[] = [];
    const reader = extract();
    reader.end(gunzipSync(packed.bytes));
    for await (const entry of reader) {
      names.push(entry.header.name);
      entry.resume();
    }
    expect(names).toEqual(packed.files.map(({ path }) => path));
  });

  it.each([
    ['manifest-missing', { 'proxylet.jsonc': undefined }],
    ['manifest-invalid', { 'proxylet.jsonc': '{ "name": }' }],
    ['manifest-invalid', { 'proxylet.jsonc': manifestSource.replace('acme/thumb', 'Acme') }],
    ['main-missing', { 'dist/index.js': undefined }],
    ['main-invalid', { 'dist/index.js': 'import "x"; export default {};' }],
  ])('refuses with %s where %j', async (code, change) => {
    await write(complete);
    for (const [path, text] of Object.entries(change)) {
      if (text === undefined) await rm(join(folder, path));
      else await write({ [path]: text });
    }
    await expect(packFolder(folder)).rejects.toMatchObject({ code });
  });

  it('refuses a README that is a link to a file outside', async () => {
    await write(complete);
    await rm(join(folder, 'dist/index.js'));
    await symlink('/etc/hostname', join(folder, 'dist/index.js'));
    await expect(packFolder(folder)).rejects.toMatchObject({ code: 'archive-entry-refused' });
  });
});

describe('pack and extractMain', () => {
  it('give back what went in, for any text and any path that may stand in an archive', async () => {
    const manifest = parseManifest({
      name: 'a/b',
      version: '1.0.0',
      runtime: { type: 'isolate', version: '*' },
    });
    const path = fc
      .array(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 30 }), { minLength: 1, maxLength: 5 })
      .map((parts) => `x/${parts.join('/').normalize('NFC')}`)
      .filter((candidate) => faultOfPath(candidate, defaultLimits) === undefined);
    const file = fc.record({ path, bytes: fc.uint8Array({ maxLength: 2000 }) });
    const files = fc.uniqueArray(file, {
      maxLength: 4,
      selector: ({ path }) => foldPath(path).split('/')[1],
    });
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'grapheme' }), files, async (source, others) => {
        const bytes = pack(manifest, [{ path: manifest.main, bytes: Buffer.from(source) }, ...others]);
        const extracted = await extractMain(bytes);
        expect(extracted.manifest).toEqual(manifest);
        expect(Buffer.from(extracted.main)).toEqual(
          Buffer.from(source).subarray(source.startsWith('\ufeff') ? 3 : 0),
        );
        expect(extracted.packedBytes).toBe(bytes.byteLength);
        for (const { path, bytes: content } of others) {
          expect(extracted.files).toContainEqual({
            path,
            sizeBytes: content.byteLength,
            sha256: digestOf(content).slice('sha256:'.length),
          });
        }
      }),
    );
  });
});
