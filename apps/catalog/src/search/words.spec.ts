import { array, assert, constantFrom, nat, property, record, string } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { forgivenTypos, hashOf, indexedTypos, typosBetween, variantsOf, wordsOf } from './words.js';

const letters = constantFrom('a', 'b', 'c', 'd', 'e', 'f');

describe('words of a text', () => {
  it.each([
    ['Smart-Grid', ['smart', 'grid']],
    ['in_postgres 100%', ['in', 'postgres', '100']],
    ['Zähler für Überspannung', ['zahler', 'fur', 'uberspannung']],
    ['ｆｕｌｌ ｗｉｄｔｈ', ['full', 'width']],
    ['"; DROP TABLE x; --', ['drop', 'table', 'x']],
    ['a\0b \uD800 c', ['a', 'b', 'c']],
    ['*** ??? %%%', []],
    ['温度センサー', ['温度センサー'.normalize('NFKC')]],
  ])('%j', (text, words) => {
    expect(wordsOf(text)).toEqual(words);
  });

  it('are letters and digits and bounded, whatever the text', () => {
    assert(
      property(string({ unit: 'binary', maxLength: 300 }), (text) => {
        for (const word of wordsOf(text)) {
          expect(word).toMatch(/^[\p{L}\p{N}]{1,40}$/u);
        }
      }),
    );
  });
});

describe('typos', () => {
  it.each([
    ['grid', 'gird', 1],
    ['grid', 'grd', 1],
    ['grid', 'grids', 1],
    ['grid', 'grit', 1],
    ['thermometer', 'thermomter', 1],
    ['thermometer', 'tehrmomter', 2],
    ['grid', 'mesh', 3],
    ['same', 'same', 0],
  ])('between %s and %s are %i', (a, b, typos) => {
    expect(typosBetween(a, b, 2)).toBe(typos);
    expect(typosBetween(b, a, 2)).toBe(typos);
  });

  it('are forgiven by the length of the word', () => {
    expect([3, 4, 7, 8, 30].map(forgivenTypos)).toEqual([0, 1, 1, 2, 2]);
  });

  it('always leave a variant in common with the word that was meant', () => {
    const word = string({ unit: letters, minLength: 3, maxLength: 14 });
    const edit = record({ kind: nat(3), at: nat(20), by: letters });
    assert(
      property(word, array(edit, { minLength: 1, maxLength: 2 }), (meant, edits) => {
        const typed = edits.reduce(mistyped, meant);
        const typos = forgivenTypos(typed.length);
        if (typosBetween(typed, meant, 2) > typos) return;
        const indexed = variantsOf(meant, indexedTypos(meant.length));
        expect([...variantsOf(typed, typos)].some((variant) => indexed.has(variant))).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  it('cost a bounded number of variants', () => {
    expect(variantsOf('abcdefghijklmnopqrstuvwxyz', 2).size).toBeLessThanOrEqual(29);
    expect(Number.isInteger(hashOf('x')) && Math.abs(hashOf('thermometer')) <= 2 ** 31).toBe(true);
  });
});

function mistyped(
  text: string,
  { kind, at, by }: { readonly kind: number; readonly at: number; readonly by: string },
): string {
  const place = at % Math.max(text.length, 1);
  const [head, tail] = [text.slice(0, place), text.slice(place)];
  if (kind === 0) return head + tail.slice(1);
  if (kind === 1) return head + by + tail;
  if (kind === 2) return head + by + tail.slice(1);
  return head + tail.slice(1, 2) + tail.slice(0, 1) + tail.slice(2);
}
