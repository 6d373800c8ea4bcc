import { expect, test } from 'vitest';
import { RefusalLines } from './refusal-lines.js';

test('writes fifty lines of a kind in ten seconds, and tells how many it left out', () => {
  let now = 0;
  const sut = new RefusalLines(() => now);
  const admitted = Array.from({ length: 1000 }, () => sut.admit('invalid-token'));
  expect(admitted.filter((one) => one !== undefined)).toHaveLength(50);
  expect(sut.admit('forbidden')).toBe(0);
  now = 10_000;
  expect(sut.admit('invalid-token')).toBe(950);
  expect(sut.admit('invalid-token')).toBe(0);
});
