import { expect, test } from 'vitest';
import { rankOf, tiers } from './rank.js';
import { facet, termsOf } from './terms.js';

const facts = {
  description: 'The price of a meter, by the hour',
  keywords: ['Énergie', 'smart grid'],
  runtime: { type: 'isolate', version: '^1' },
  capabilities: ['kv@^1', 'device:clock'],
};
const { terms, forgiving } = termsOf({ namespace: 'acme-labs', name: 'smart-meter' }, facts, '# Dishwasher');

test.each([
  ['smartmeter', tiers.exactName],
  ['s', tiers.nameStart],
  ['smartm', tiers.nameStart],
  // A word of the name, and its beginning as well: the better counts.
  ['smart', tiers.nameStart],
  ['meter', tiers.token],
  ['me', tiers.tokenStart],
  ['energie', tiers.token],
  ['ene', tiers.tokenStart],
  ['grid', tiers.token],
  ['acme', tiers.token],
  ['acmelabs', tiers.token],
  ['clock', tiers.token],
  ['kv', tiers.token],
  ['hour', tiers.description],
  ['dishwasher', tiers.readme],
  [facet.capability('device:clock'), tiers.facet],
  [facet.runtime('isolate'), tiers.facet],
  [facet.namespace('acme-labs'), tiers.facet],
])('%s fits', (term, tier) => {
  expect(terms.get(term)).toBe(tier);
});

test.each(['the', 'hou', 'en', 'martmeter', 'dish', '*'])('%s does not', (term) => {
  expect(terms.has(term)).toBe(false);
});

test('forgives typos in whole words of name and keywords only', () => {
  expect([...forgiving].toSorted()).toEqual(['energie', 'grid', 'meter', 'smart']);
});

test('stays bounded whatever the manifest holds', () => {
  const words = Array.from({ length: 3000 }, (_, i) => `word${i}`).join(' ');
  const large = {
    ...facts,
    description: words,
    keywords: Array.from({ length: 20 }, () => words.slice(0, 50)),
  };
  const indexed = termsOf({ namespace: 'n'.repeat(64), name: 'x'.repeat(64) }, large, words);
  expect(indexed.terms.size).toBeLessThan(600);
  expect(rankOf(tiers.exactName)).toBe(0);
});
