import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { parseKeys, seal, sealingKey, unseal } from './sealing-key.js';

test('a value is opened in its own place alone, and not after a byte has changed', () => {
  const key = sealingKey(randomBytes(32));
  const place = 'webhook 1';
  const sealed = seal(key, place, 'pässword');
  expect(unseal(key, place, sealed)).toBe('pässword');
  expect(seal(key, place, 'pässword')).not.toBe(sealed);
  expect(() => unseal(key, 'other', sealed)).toThrow();
  expect(() => unseal(sealingKey(randomBytes(32)), place, sealed)).toThrow();
  const bytes = Buffer.from(sealed, 'base64url');
  for (const at of [0, 12, 28, bytes.length - 1]) {
    const altered = Buffer.from(bytes);
    altered[at] = (altered[at] ?? 0) ^ 1;
    expect(() => unseal(key, place, altered.toString('base64url'))).toThrow();
  }
  expect(() => unseal(key, place, bytes.subarray(0, 20).toString('base64url'))).toThrow();
});

test('reads keys in either alphabet of base64, and nothing else', () => {
  const key = randomBytes(32);
  expect(parseKeys(` ${key.toString('base64')},\n${key.toString('base64url')} `)).toEqual([key, key]);
  for (const text of ['short', 'x'.repeat(44), key.toString('hex')]) expect(parseKeys(text)).toBeUndefined();
});
