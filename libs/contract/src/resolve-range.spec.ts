import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseRange } from './resolve-range.js';
import { type Candidate, Release } from './resolve-versions.js';
import { satisfies } from './version.js';

const number = fc.oneof(fc.constantFrom(0, 1, 2, 3), fc.nat({ max: 999_999_999_999_999 }));
const triple = fc.tuple(number, number, number).map((parts) => parts.join('.'));
const early = fc.constantFrom('', '', '', '-0', '-alpha', '-beta.2', '+build', '-rc.1+x');
const version = fc.tuple(triple, early).map((parts) => parts.join(''));
const partial = fc.oneof(
  version,
  number.map(String),
  fc.tuple(number, number).map((parts) => parts.join('.')),
  fc.constantFrom('*', 'x', '1.x', '01.2.3', 'v1.2.3', 'nonsense', '1.2.3.4'),
);
const comparator = fc
  .tuple(fc.constantFrom('', '^', '~', '>=', '>', '<', '<=', '=', 'v', '^ ', '~>', '=v'), partial)
  .map((parts) => parts.join(''));
const range = fc.oneof(
  comparator,
  fc.array(comparator, { maxLength: 3 }).map((all) => all.join(' ')),
  fc.array(comparator, { maxLength: 3 }).map((all) => all.join(' || ')),
  fc.tuple(partial, partial).map((ends) => ends.join(' - ')),
);

function release(text: string): Release {
  return new Release({ version: text } as Candidate);
}

describe('a range in a resolution', () => {
  it('includes what satisfies it, as semver says', () => {
    fc.assert(
      fc.property(range, fc.array(version, { minLength: 1, maxLength: 10 }), (text, versions) => {
        const test = parseRange(text);
        for (const one of versions)
          expect([text, one, test.includes(release(one))]).toEqual([text, one, satisfies(one, text)]);
      }),
      { numRuns: 3000 },
    );
  });

  it.each(['1.2.3', '=1.2.3', 'v1.2.3', '= 1.2.3', '1.2.3-beta.1', '=0.0.0'])('%s is a pin', (text) => {
    expect(parseRange(text).isPin).toBe(true);
  });

  it.each(['', '*', 'x', '^1.2.3', '1.2', '=1', '>=1.2.3', '1.2.3 || 1.2.4', '1.2.3 - 1.2.4', 'nonsense'])(
    '%j is no pin',
    (text) => {
      expect(parseRange(text).isPin).toBe(false);
    },
  );

  it('includes nothing where the text is longer than a range may be', () => {
    expect(parseRange(`>=0.0.0 ${' '.repeat(300)}`).includes(release('1.0.0'))).toBe(false);
  });
});
