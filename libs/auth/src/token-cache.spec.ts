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

test('holds so many characters, whatever lengths callers choose', () => {
  const sut = new TokenCache({ maxChars: 1000, now: () => 0 });
  for (let i = 0; i < 20; i += 1) sut.set(`${i}`.padEnd(100, 'x'), principal(`${i}`));
  expect(sut.size).toBe(10);
  sut.set('y'.repeat(2000), principal('long'));
  expect(sut.size).toBe(0);
});

test('verifies everything anew after the clock was turned back', () => {
  let now = 5000_000;
  const sut = new TokenCache({ now: () => now });
  sut.set('t', principal('alice', 6000_000));
  expect(sut.get('t')?.subject).toBe('alice');
  now = 4000_000;
  expect(sut.get('t')).toBeUndefined();
  sut.set('t', principal('alice', 6000_000));
  expect(sut.get('t')?.subject).toBe('alice');
});

test('asks again where the issuer must be asked again', () => {
  let now = 0;
  const sut = new TokenCache({ now: () => now });
  sut.set('t', { ...principal('alice', 100_000), recheckAtMs: 60_000 });
  now = 59_999;
  expect(sut.get('t')?.subject).toBe('alice');
  now = 60_000;
  expect(sut.get('t')).toBeUndefined();
});
