import { describe, expect, it } from 'vitest';
import { maxMapChars, originalPositions, parseSourceMap } from './source-map.js';

const mapOf = (mappings: string, sources: unknown[] = ['../src/a.ts', 'webpack:///./src/b.ts']): string =>
  JSON.stringify({ version: 3, sources, names: ['n'], mappings });

describe('a source map', () => {
  it('leads positions back, asked for in any order', () => {
    // Line 1: column 0 → a 1:1. Line 2: column 2 → a 2:2, column 5 → a 2:5. Line 4: column 0 → b 3:1, with a name.
    const map = parseSourceMap(mapOf('AAAA;EACC,GAAG;;ACCJA'));
    if (map === undefined) throw new Error('not read');
    const asked = [
      { line: 4, column: 9 },
      { line: 2, column: 4 },
      { line: 2, column: 7 },
      { line: 2, column: 1 },
      { line: 3, column: 1 },
      { line: 99, column: 1 },
      { line: 1, column: 1 },
    ];
    expect(originalPositions(map, asked)).toEqual([
      { source: 'src/b.ts', line: 3, column: 1 },
      { source: 'src/a.ts', line: 2, column: 2 },
      { source: 'src/a.ts', line: 2, column: 5 },
      undefined,
      undefined,
      undefined,
      { source: 'src/a.ts', line: 1, column: 1 },
    ]);
  });

  it.each([
    ['no JSON', '{'],
    ['null', 'null'],
    ['an index map', JSON.stringify({ version: 3, sections: [] })],
    ['another version', JSON.stringify({ version: 4, sources: [], mappings: '' })],
    ['mappings that are no text', JSON.stringify({ version: 3, sources: [], mappings: [] })],
    [
      'too many sources',
      mapOf(
        '',
        Array.from({ length: 20_000 }, () => 'a'),
      ),
    ],
    ['too many mappings', mapOf('A,'.repeat(600_000))],
    ['too much of anything', mapOf('', ['x'.repeat(maxMapChars)])],
  ])('that is %s is not read', (_, json) => {
    expect(parseSourceMap(json)).toBeUndefined();
  });

  it('names sources that are no text, or none at all, as unknown', () => {
    const map = parseSourceMap(mapOf('AAAA,CCAA', [{ toString: 1 }]));
    if (map === undefined) throw new Error('not read');
    expect(originalPositions(map, [{ line: 1, column: 1 }])).toEqual([undefined]);
    expect(originalPositions(map, [{ line: 1, column: 5 }])).toEqual([undefined]);
  });

  it.each([
    ['garbage', '\u0000\u0001,!"§$%&/()=?;;;ü,,,;'.repeat(20_000)],
    ['numbers without an end', 'ggggggggggggggggggggggg'.repeat(40_000)],
    ['empty lines only', ';'.repeat(1_000_000)],
    ['one long line', 'AAAA,'.repeat(200_000)],
  ])('of %s ends, with no position or some', (_, mappings) => {
    const map = parseSourceMap(mapOf(mappings));
    if (map === undefined) throw new Error('not read');
    const asked = Array.from({ length: 20 }, (__, i) => ({ line: i * 40_000 + 1, column: 1_000_000 }));
    expect(originalPositions(map, asked)).toHaveLength(20);
  });
});
