import { randomBytes } from 'node:crypto';
import { gzipOf, manifestOf, member, pax, repeated, sound, type TarParts } from './bad-archives.js';

/** Every archive that must be refused, whichever route brings it, and how. */

const mebibyte = 1024 * 1024;
const main: TarParts = { path: 'main.js', content: sound };
const withEntry = (...entries: (TarParts | Buffer)[]) => [gzipOf(manifestOf(), main, ...entries)];

export function goodArchive(): Buffer {
  return gzipOf(manifestOf(), main);
}

export interface BadArchive {
  readonly what: string;
  readonly code: string;
  /** Which of the rules behind the code. */
  readonly rule?: string | undefined;
  /** Sent as long as no answer came. */
  readonly pieces: () => Iterable<Buffer>;
}

const oneMillion = function* (): Generator<Buffer> {
  const names = Array.from({ length: 2500 }, (_, index) => member({ path: `f${index}` }));
  yield* repeated(Buffer.concat(names), 400, Buffer.concat([member(manifestOf()), member(main)]));
};
const range = (text: string) => [gzipOf(manifestOf({ dependencies: { 'acme/other': text } }), main)];
const loneSurrogate = Buffer.from('{"name":"acme/bad","version":"1.0.0","description":"\\ud800"}');

type Row = readonly [what: string, code: string, rule: string | undefined, pieces: () => Iterable<Buffer>];
const rows: readonly Row[] = [
  ['a truncated archive', 'archive-invalid', 'gzip-incomplete', () => [goodArchive().subarray(0, -40)]],
  [
    'bytes after the archive',
    'archive-invalid',
    'gzip-trailing-bytes',
    () => [goodArchive(), Buffer.from('x')],
  ],
  ['two archives in a row', 'archive-invalid', 'gzip-trailing-bytes', () => [goodArchive(), goodArchive()]],
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

export const badArchives: readonly BadArchive[] = rows.map(([what, code, rule, pieces]) => ({
  what,
  code,
  rule,
  pieces: once(pieces),
}));

/** Each is made when it is first wanted, and sent by several routes. */
function once(make: () => Iterable<Buffer>): () => readonly Buffer[] {
  let made: readonly Buffer[] | undefined;
  return () => (made ??= [...make()]);
}
