import { describe, expect, it } from 'vitest';
import { defaultLimits } from './limits.js';
import { faultOfPath, PathBook } from './path-rules.js';

const refused: readonly (readonly [string, string])[] = [
  ['', 'no name'],
  ['/etc/passwd', 'absolute'],
  ['../outside', '..'],
  ['a/../../b', '..'],
  ['a/./b', ' . '],
  ['a//b', 'empty part'],
  ['a\\b', 'backslash'],
  ['c:/windows', 'drive'],
  ['C:evil', 'drive'],
  ['ab:stream', 'Windows forbids'],
  ['what?', 'Windows forbids'],
  ['nul', 'Windows reserves'],
  ['dir/COM1.txt', 'Windows reserves'],
  ['a/lpt¹', 'Windows reserves'],
  ['name.', 'dot'],
  ['name ', 'blank'],
  ['dir /x', 'blank'],
  ['a\u0000b', 'control'],
  ['a\u001bb', 'control'],
  ['a\nb', 'control'],
  ['gpj.\u202ejs', 'invisible'],
  ['zero\u200bwidth', 'invisible'],
  ['\ufeffbom', 'invisible'],
  ['lone\ud800', 'unassigned'],
  ['re\u0301sume\u0301', 'normal form'],
  ['x'.repeat(161), 'longer than 160'],
  [Array.from({ length: 17 }, () => 'd').join('/'), 'deeper than 16'],
];

describe('faultOfPath', () => {
  it.each(refused)('refuses %j', (path, why) => {
    expect(` ${faultOfPath(path, defaultLimits)?.why ?? ''} `).toContain(why);
  });

  it.each([
    'proxylet.json',
    'dist/index.js',
    'dist/index.js.map',
    'résumé.md',
    '文書/読.txt',
    'a-b_c.d',
    '.npmrc',
    'console.js',
    'com10.txt',
    Array.from({ length: 16 }, () => 'd').join('/'),
  ])('takes %j', (path) => {
    expect(faultOfPath(path, defaultLimits)).toBeUndefined();
  });
});

describe('PathBook', () => {
  it.each([
    [['a', 'a'], 'twice'],
    [['Readme', 'README'], 'only by case'],
    [['straße', 'STRASSE'], 'only by case'],
    [['ﬁle', 'file'], 'Unicode form'],
    [['Lib/a', 'lib/b'], 'only by case'],
    [['a', 'a/b'], 'file and a directory'],
    [['a/b', 'a'], 'file and a directory'],
  ] as const)('refuses the pair %j', (paths, why) => {
    const book = new PathBook();
    book.add(paths[0], true);
    expect(() => book.add(paths[1], true)).toThrow(why);
  });

  it('takes siblings, nested folders and a folder listed after its files', () => {
    const book = new PathBook();
    for (const path of ['a/b/c', 'a/b/d', 'a/e']) book.add(path, true);
    book.add('a/b', false);
    book.add('a', false);
    expect(() => book.add('a/b/f', true)).not.toThrow();
  });
});
