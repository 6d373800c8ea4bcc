import { expect, test } from 'vitest';
import { skeletonOf } from './skeleton.js';

test.each([
  ['log-view', 'logview'],
  ['log-view', '1og-view'],
  ['modern', 'rnodern'],
  ['cloud', 'c1oud'],
  ['cloud', 'doud'],
  ['wind', 'vvind'],
  ['base', '8a5e'],
  ['hello', 'he-l-lo'],
])('%s looks like %s', (a, b) => {
  expect(skeletonOf(a)).toBe(skeletonOf(b));
});

test.each([
  ['log-view', 'log-views'],
  ['ipv4', 'ipv6'],
  ['wind', 'wine'],
])('%s does not look like %s', (a, b) => {
  expect(skeletonOf(a)).not.toBe(skeletonOf(b));
});
