import { expect, test } from 'vitest';
import { findUnfitText } from './plain-text.js';

test.each<[unknown, string | undefined]>([
  ['plain', undefined],
  ['\u{1f4a9} ä \n', undefined],
  ['a\0', ''],
  ['\ud800', ''],
  [{ a: [1, null, true, { 'b/~': '\udc00' }] }, '/a/3/b~1~0'],
  [{ a: { 'x\0': 1 } }, '/a'],
  [undefined, undefined],
])('%j: %s', (value, pointer) => {
  expect(findUnfitText(value)).toBe(pointer);
});

test('looks into what is nested 100 000 deep', () => {
  const deep: unknown = JSON.parse(`${'['.repeat(100_000)}"\\u0000"${']'.repeat(100_000)}`);
  expect(findUnfitText(deep)).toHaveLength(200_000);
});
