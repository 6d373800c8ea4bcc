import type { Digest } from '@proxylet/contract';
import { expect, test } from 'vitest';
import { CodeCache } from './code-cache.js';

const digest = (n: number): Digest => `sha256:${String(n)}`;
const code = (chars: number) => ({ source: 'x'.repeat(chars), filename: 'a.js' });

test('keeps what was used last within its bound', () => {
  const cache = new CodeCache(10);
  cache.set(digest(1), code(4));
  cache.set(digest(2), code(4));
  cache.get(digest(1));
  cache.set(digest(3), code(4));
  expect([1, 2, 3].map((n) => cache.get(digest(n)) !== undefined)).toEqual([true, false, true]);
  cache.set(digest(4), code(11));
  expect(cache.get(digest(4))).toBeUndefined();
  cache.set(digest(1), code(2));
  cache.set(digest(5), code(4));
  expect([1, 3, 5].map((n) => cache.get(digest(n)) !== undefined)).toEqual([true, true, true]);
});
