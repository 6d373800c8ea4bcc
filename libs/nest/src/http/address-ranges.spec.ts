import { expect, test } from 'vitest';
import { isAddressRange, isWithin } from './address-ranges.js';

test.each([
  [['192.0.2.0/24'], '192.0.2.7', true],
  [['192.0.2.0/24'], '192.0.3.7', false],
  [['192.0.2.0/24'], '::ffff:192.0.2.7', true],
  [['192.0.2.7'], '192.0.2.7', true],
  [['192.0.2.7'], '192.0.2.8', false],
  [['2001:db8::/32'], '2001:db8:1::1', true],
  [['2001:db8::/32'], '2001:db9::1', false],
  [['10.0.0.0/8', '2001:db8::/32'], '10.9.9.9', true],
  [['0.0.0.0/0'], '203.0.113.1', true],
  [['0.0.0.0/0'], '2001:db8::1', false],
  [[], '203.0.113.1', true],
  [['10.0.0.0/8'], 'no address', false],
])('%j and %s: %s', (ranges, address, expected) => {
  expect(isWithin(ranges, address)).toBe(expected);
});

test.each([
  '192.0.2.0/33',
  '192.0.2.0/',
  '192.0.2/24',
  '192.0.2.0/24/24',
  '::/129',
  'fe80::1%eth0',
  'localhost',
  '',
  '1.2.3.4/-1',
  '1.2.3.4/1e1',
])('%s is no range', (text) => {
  expect(isAddressRange(text)).toBe(false);
});
