import { describe, expect, it } from 'vitest';
import { compareVersions, isRange, isVersion, latestOf, satisfies } from './version.js';

describe('a version', () => {
  it.each(['0.0.1', '1.2.3', '1.0.0-beta.1', '1.0.0+build.5', '1.0.0-rc.1+exp.sha'])('%s is one', (text) => {
    expect(isVersion(text)).toBe(true);
  });

  it.each([
    '',
    '1',
    '1.2',
    'v1.2.3',
    '1.2.3.4',
    '01.2.3',
    ' 1.2.3',
    '1.2.3 ',
    '1.2.3-',
    '=1.2.3',
    `1.2.${'9'.repeat(200)}`,
  ])('%j is none', (text) => {
    expect(isVersion(text)).toBe(false);
  });

  it('is ordered as SemVer §11 says', () => {
    const ordered = [
      '1.0.0-alpha',
      '1.0.0-alpha.1',
      '1.0.0-beta.2',
      '1.0.0-beta.11',
      '1.0.0-rc.1',
      '1.0.0',
      '1.0.1',
    ];
    expect(ordered.toReversed().toSorted(compareVersions)).toEqual(ordered);
  });
});

describe('a range', () => {
  it.each(['*', '^1.2', '~2.0.1', '>=1 <3', '1.x || 3', ''])('%j is one', (text) => {
    expect(isRange(text)).toBe(true);
  });

  it.each(['latest', '^', 'a.b.c', `>=${'1 '.repeat(300)}`])('%j is none', (text) => {
    expect(isRange(text)).toBe(false);
  });

  it('takes a pre-release only where it names one', () => {
    expect(satisfies('2.0.0-beta.1', '*')).toBe(false);
    expect(satisfies('2.0.0-beta.2', '^2.0.0-beta.1')).toBe(true);
  });
});

function version(text: string, state = 'published'): { version: string; state: string } {
  return { version: text, state };
}

describe('latest', () => {
  it('is the highest stable version that is not yanked, and no backport moves it down', () => {
    const versions = [
      version('2.0.0'),
      version('3.0.0', 'yanked'),
      version('4.0.0-beta.1'),
      version('1.9.9'),
    ];
    expect(latestOf(versions)?.version).toBe('2.0.0');
  });

  it('is nothing where there is no such version', () => {
    expect(latestOf([version('1.0.0-rc.1')])).toBeUndefined();
    expect(latestOf([])).toBeUndefined();
  });
});
