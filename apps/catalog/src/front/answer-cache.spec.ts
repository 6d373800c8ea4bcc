import { expect, test } from 'vitest';
import { type Answer, AnswerCache } from './answer-cache.js';

const answer = (bytes: number): Answer => ({
  route: '/',
  etag: undefined,
  headers: [],
  body: Buffer.alloc(bytes),
  download: undefined,
  isCurrent: () => Promise.resolve(true),
  stamp: 0,
  checkedAtMs: 0,
});

test('forgets the least recently used when the bytes are used up', () => {
  const cache = new AnswerCache(100_000);
  for (const url of ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i']) cache.put(url, answer(8000));
  expect(cache.get('a')).toBeDefined();
  cache.put('j', answer(8000));
  cache.put('k', answer(8000));
  expect([cache.get('a'), cache.get('b')].map((found) => found !== undefined)).toEqual([true, false]);
  expect(cache.bytes).toBeLessThanOrEqual(100_000);
});

test('keeps nothing that is large, counts what is replaced once, and is empty again', () => {
  const cache = new AnswerCache(100_000);
  cache.put('large', answer(20_000));
  expect(cache.get('large')).toBeUndefined();
  for (let i = 0; i < 3; i += 1) cache.put('same', answer(1000));
  const { bytes } = cache;
  expect(bytes).toBeLessThan(4000);
  cache.delete('same');
  cache.delete('same');
  expect(cache.bytes).toBe(0);
});
