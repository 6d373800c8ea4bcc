import { assert, jsonValue, property } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { auditHash, genesisHash, namespaceOfTarget } from './audit-chain.js';
import { canonicalJson, type Json } from './canonical-json.js';

describe('canonical JSON', () => {
  it('is what RFC 8785 shows in its examples', () => {
    const sorted = {
      '\u20ac': 'Euro Sign',
      '\r': 'Carriage Return',
      '\ufb33': 'Hebrew Letter Dalet With Dagesh',
      '1': 'One',
      '\ud83d\ude00': 'Emoji: Grinning Face',
      '\u0080': 'Control',
      '\u00f6': 'Latin Small Letter O With Diaeresis',
    };
    expect(Object.values(JSON.parse(canonicalJson(sorted)) as object)).toEqual([
      'One',
      'Carriage Return',
      'Control',
      'Latin Small Letter O With Diaeresis',
      'Euro Sign',
      'Emoji: Grinning Face',
      'Hebrew Letter Dalet With Dagesh',
    ]);
    const mixed = {
      numbers: [333_333_333.333_333_3, 1e30, 4.5, 2e-3, 0.000_000_000_000_000_000_000_000_001],
      string: '\u20ac$\u000f\nA\'B"\\\\"/',
      literals: [null, true, false],
    };
    expect(canonicalJson(mixed)).toBe(
      String.raw`{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}`,
    );
  });

  it('is one text whatever the order of members, and reads back as what it was', () => {
    assert(
      property(jsonValue(), (value) => {
        const text = canonicalJson(value);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
        expect(canonicalJson(reversed(value))).toBe(text);
      }),
    );
  });

  it('refuses what JSON cannot say', () => {
    for (const value of [NaN, Infinity, '\ud800', { '\udc00': 1 }])
      expect(() => canonicalJson(value)).toThrow(RangeError);
  });
});

describe('the hash of an audit row', () => {
  const facts = {
    seq: 1,
    at: 't',
    actor: 'a',
    action: 'b',
    target: 'acme/x@1.0.0',
    namespace: 'acme',
    detail: { z: 1, a: [2] },
  };

  it('covers every member and the row before', () => {
    const hash = auditHash(genesisHash, facts);
    // Computed by other means: SHA-256 of 64 zeros and the row's canonical JSON.
    expect(hash).toBe('2e2d0217456802c8dbce4ec9df91e626f4d6b535e4e6c18d1d707c21ae81d6ef');
    const others = [
      ...Object.keys(facts).map((name) => auditHash(genesisHash, { ...facts, [name]: 'other' })),
      auditHash(hash, facts),
    ];
    expect(new Set([hash, ...others]).size).toBe(others.length + 1);
  });

  it.each([
    ['acme', 'acme'],
    ['acme/thumb@1.0.0', 'acme'],
    ['acme/thumb#next', 'acme'],
    ['', ''],
  ])('is of the namespace: %s → %s', (target, namespace) => {
    expect(namespaceOfTarget(target)).toBe(namespace);
  });
});

function reversed(value: Json): Json {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return (value as Json[]).map(reversed);
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([name, member]) => [name, reversed(member ?? null)]),
  );
}
