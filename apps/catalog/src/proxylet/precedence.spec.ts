import { compareVersions, isVersion } from '@proxylet/contract';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { precedenceOf, versionKeyOf } from './precedence.js';

const identifier = fc.oneof(
  fc.nat(1200).map(String),
  fc.constantFrom('alpha', 'beta', 'a', 'a-1', 'Z', '0a', 'rc', '-'),
);
const prerelease = fc.array(identifier, { maxLength: 4 });
const version = fc
  .tuple(fc.nat(30), fc.nat(30), fc.oneof(fc.nat(30), fc.constant(Number.MAX_SAFE_INTEGER)), prerelease)
  .map(
    ([major, minor, patch, pre]) =>
      `${major}.${minor}.${patch}${pre.length === 0 ? '' : `-${pre.join('.')}`}`,
  )
  .filter(isVersion);

describe('precedenceOf', () => {
  it('sorts as SemVer does', () => {
    fc.assert(
      fc.property(version, version, (a, b) => {
        const [left, right] = [Buffer.from(precedenceOf(a)), Buffer.from(precedenceOf(b))];
        expect(Buffer.compare(left, right)).toBe(compareVersions(a, b));
      }),
      { numRuns: 2000 },
    );
  });

  it('sorts the example of SemVer §11', () => {
    const ordered = [
      '1.0.0-alpha',
      '1.0.0-alpha.1',
      '1.0.0-alpha.beta',
      '1.0.0-beta',
      '1.0.0-beta.2',
      '1.0.0-beta.11',
      '1.0.0-rc.1',
      '1.0.0',
    ];
    expect(ordered.toReversed().toSorted((a, b) => (precedenceOf(a) < precedenceOf(b) ? -1 : 1))).toEqual(
      ordered,
    );
  });

  it('does not count build metadata', () => {
    expect(precedenceOf('1.0.0+b')).toBe(precedenceOf('1.0.0+a'));
    expect(versionKeyOf('1.0.0-rc.1+a.b')).toBe('1.0.0-rc.1');
  });
});
