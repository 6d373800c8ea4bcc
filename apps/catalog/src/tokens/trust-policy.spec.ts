import { expect, test } from 'vitest';
import { meetsRules, trustPolicyBody } from './trust-policy.js';

const claims = {
  repository: 'acme/thumb',
  repository_id: 42,
  protected: true,
  ref: 'refs/heads/main',
  groups: ['acme', 'main'],
  empty: '',
};

test.each([
  ['exactly', { repository: 'acme/thumb' }, true],
  ['all of them', { repository: 'acme/thumb', ref: 'refs/heads/main' }, true],
  ['one of a list', { ref: ['refs/heads/next', 'refs/heads/main'] }, true],
  ['numbers and flags', { repository_id: 42, protected: true }, true],
  ['not another', { repository: 'acme/thumbs' }, false],
  ['not all but one', { repository: 'acme/thumb', ref: 'refs/heads/x' }, false],
  ['not another type', { repository_id: '42' }, false],
  ['not a flag as text', { protected: 'true' }, false],
  ['no patterns', { repository: 'acme/*' }, false],
  ['no prefix', { repository: 'acme' }, false],
  ['not a claim that is a list', { groups: 'acme' }, false],
  ['not a claim that is missing', { environment: 'production' }, false],
  ['not what every object has', { constructor: 'Object', toString: '' }, false],
])('rules are met %s', (_name, rules, expected) => {
  expect(meetsRules(rules as Record<string, string>, claims)).toBe(expected);
});

const sound = {
  issuer: 'https://ci.example',
  audience: 'catalog',
  claims: { ref: 'main' },
  actions: ['publish'],
  proxylets: ['*'],
};

test.each([
  ['no rule at all', { claims: {} }],
  ['a rule on what is checked anyway', { claims: { aud: 'x' } }],
  ['an empty list of values', { claims: { ref: [] } }],
  ['an issuer without encryption', { issuer: 'http://ci.example' }],
  ['an issuer with a query', { issuer: 'https://ci.example?x=1' }],
  ['an issuer with a password', { issuer: 'https://a:b@ci.example' }],
  ['another scheme', { issuer: 'file:///etc/passwd' }],
  ['no action', { actions: [] }],
  ['an action there is not', { actions: ['admin'] }],
  ['a proxylet of another namespace', { proxylets: ['other/thumb'] }],
  ['no proxylet', { proxylets: [] }],
])('%s is refused', (_name, change) => {
  expect(trustPolicyBody.safeParse(sound).success).toBe(true);
  expect(trustPolicyBody.safeParse({ ...sound, ...change }).success).toBe(false);
});
