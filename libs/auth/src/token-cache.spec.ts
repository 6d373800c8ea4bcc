import { expect, test } from 'vitest';
import type { Principal } from './principal.js';
import { TokenCache } from './token-cache.js';

const principal = (subject: string, expiresAtMs = 10_000): Principal => ({
  type: 'user',
  key: `user|i|${subject}`,
  issuer: 'i',
  subject,
  clientId: 'web',
  scopes: new Set(),
  roles: [],
  tokenId: undefined,
  tenants: [],
  issuedAtMs: 0,
  expiresAtMs,
});

test('gives back what was put in until it expires', () => {
  let now = 0;
  const sut = new TokenCache({ now: () => now });
  sut.set('t', principal('alice'));
  expect(sut.get('t')?.subject).toBe('alice');
  expect(sut.get('u')).toBeUndefined();
  now = 10_000;
  expect(sut.get('t')).toBeUndefined();
  expect(sut.size).toBe(0);
});

test('drops the least recently used when full', () => {
  const sut = new TokenCache({ max: 2, now: () => 0 });
  sut.set('a', principal('a'));
  sut.set('b', principal('b'));
  sut.get('a');
  sut.set('c', principal('c'));
  expect([sut.get('a'), sut.get('b'), sut.get('c')].map((p) => p?.subject)).toEqual(['a', undefined, 'c']);
});

test('forgets everything on demand', () => {
  const sut = new TokenCache({ now: () => 0 });
  sut.set('a', principal('a'));
  sut.clear();
  expect(sut.get('a')).toBeUndefined();
});
