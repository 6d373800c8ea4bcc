import { expect, test } from 'vitest';
import { issuerListSchema, issuerProfileSchema } from './issuer-profile.js';

const https = { issuer: 'https://idm.example/realms/a' };

test('an issuer alone is a whole profile', () => {
  expect(issuerProfileSchema.parse({ issuer: 'http://127.0.0.1:7090' })).toEqual({
    preset: 'generic-rfc9068',
    issuer: 'http://127.0.0.1:7090',
    algs: ['RS256'],
    typ: 'at+jwt',
    claims: { roles: ['roles'], scopes: ['scope'] },
    clockSkewSeconds: 30,
    maxTtlSeconds: 86_400,
    maxStaleSeconds: 86_400,
  });
});

test.each([
  ['no issuer', {}, 'expected string'],
  ['an empty issuer', { issuer: '' }, 'https address'],
  ['http to another machine', { issuer: 'http://idm.example' }, 'http only on a loopback'],
  [
    'a name that only begins like loopback',
    { issuer: 'http://127.0.0.1.evil.example' },
    'http only on a loopback',
  ],
  ['a user in the address', { issuer: 'https://a:b@idm.example' }, 'without user'],
  ['http keys', { ...https, jwksUri: 'http://idm.example/keys' }, 'http only on a loopback'],
  ['unsigned tokens', { ...https, algs: ['none'] }, 'never accepted'],
  ['symmetric tokens', { ...https, algs: ['HS256'] }, 'never accepted'],
  ['EdDSA', { ...https, algs: ['EdDSA'] }, 'EdDSA is not supported'],
  ['two families', { ...https, algs: ['RS256', 'ES256'] }, 'one family'],
  ['no algorithm', { ...https, algs: [] }, 'must not be empty'],
  ['no audience', { ...https, audiences: [] }, 'must not be empty'],
  ['an empty audience', { ...https, audiences: [''] }, '>=1 characters'],
  ['no client', { ...https, clientAllow: [] }, 'must not be empty'],
  ['a skew of two minutes', { ...https, clockSkewSeconds: 120 }, '<=60'],
  [
    'discovery and keys',
    { ...https, discovery: 'https://a.example', jwksUri: 'https://b.example' },
    'beside discovery',
  ],
  ['an unknown member', { ...https, audience: 'x' }, 'Unrecognized key'],
])('refuses %s', (_name, profile, sentence) => {
  const result = issuerProfileSchema.safeParse(profile);
  expect(result.success).toBe(false);
  expect(result.error?.issues.map(({ message }) => message).join()).toContain(sentence);
});

test('refuses an empty list and an issuer named twice', () => {
  expect(issuerListSchema.safeParse([]).error?.issues[0]?.message).toContain('at least one');
  expect(issuerListSchema.safeParse([https, https]).error?.issues[0]?.message).toContain('twice');
});
