import { expect, test } from 'vitest';
import { hashOfSecret, isSecret, newSecret, shownPart } from './token-secret.js';

test('is of the announced form and never the same', () => {
  const secrets = Array.from({ length: 1000 }, newSecret);
  expect(new Set(secrets).size).toBe(1000);
  for (const secret of secrets) {
    expect(secret).toMatch(/^pxl_[0-9A-Za-z]{46}$/);
    expect(isSecret(secret)).toBe(true);
  }
});

test('any one character changed is found by the check at its end', () => {
  const secret = newSecret();
  for (let at = 4; at < secret.length; at += 1) {
    const other = secret[at] === 'a' ? 'b' : 'a';
    expect(isSecret(`${secret.slice(0, at)}${other}${secret.slice(at + 1)}`)).toBe(false);
  }
});

test.each(['', 'pxl_', 'pxl_abc', 'ghp_0123456789', 'x'.repeat(8000), `pxl_${'é'.repeat(46)}`])(
  '%# is none',
  (text) => {
    expect(isSecret(text)).toBe(false);
  },
);

test('what is shown of it and kept of it does not give it away', () => {
  const secret = newSecret();
  expect(shownPart(secret)).toHaveLength(10);
  expect(hashOfSecret(secret)).toMatch(/^[0-9a-f]{64}$/);
  expect(hashOfSecret(secret)).not.toContain(secret.slice(4, 12));
});
