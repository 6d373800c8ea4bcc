import semver from 'semver';
import type { Release } from './resolve-versions.js';
import { rangeMaxLength } from './version.js';

/** A range, taken apart. */
export interface RangeTest {
  /** Names one version and nothing else: `1.2.3`, `=1.2.3`. */
  readonly isPin: boolean;
  /** What one test costs, in units of effort. */
  readonly cost: number;
  /** What reading it costs where it is met for the first time; counted each time, so that equal questions cost the same. */
  readonly readCost: number;
  includes(release: Release): boolean;
}

/** Units of effort that semver's parser takes at most, per character: about 1 µs. */
const readCostPerCharacter = 120;

type Triple = readonly [major: number, minor: number, patch: number];

const simplePattern = /^(\^|~|>=|=|v)?(\d{1,15})(?:\.(\d{1,15})(?:\.(\d{1,15}))?)?$/;

/** Characters of ranges kept in parsed form: bounds what a stream of hostile ranges can occupy. */
const cacheMaxLength = 64 * 1024;
const cache = new Map<string, RangeTest>();
let cacheLength = 0;

/** npm's rules, as `satisfies`. A text that is no range includes nothing. */
export function parseRange(text: string): RangeTest {
  const before = cache.get(text);
  if (before !== undefined) return before;
  if (text.length > rangeMaxLength) return nothing(100);
  const test = simple(text) ?? full(text);
  for (const oldest of cache.keys()) {
    if (cacheLength + text.length + 1 <= cacheMaxLength) break;
    cache.delete(oldest);
    cacheLength -= oldest.length + 1;
  }
  cache.set(text, test);
  cacheLength += text.length + 1;
  return test;
}

/**
 * The forms that nearly all manifests use, read without semver's parser, which takes most of the time of a
 * resolution otherwise. None of them takes a pre-release.
 */
function simple(text: string): RangeTest | undefined {
  if (text === '*' || text === '') return between([0, 0, 0], [Infinity, 0, 0], false);
  const parts = simplePattern.exec(text);
  if (parts === null || parts.slice(2).some((part) => part !== undefined && /^0\d/.test(part))) {
    return undefined;
  }
  const [, operator, majorText, minorText, patchText] = parts;
  const [major, minor, patch] = [Number(majorText), Number(minorText ?? 0), Number(patchText ?? 0)];
  const isPin = patchText !== undefined && (operator === undefined || operator === '=' || operator === 'v');
  return between([major, minor, patch], upper(), isPin);

  function upper(): Triple {
    if (operator === '>=') return [Infinity, 0, 0];
    if (minorText === undefined) return [major + 1, 0, 0];
    if (operator === '^' && major > 0) return [major + 1, 0, 0];
    if (patchText === undefined || operator === '~') return [major, minor + 1, 0];
    if (operator === '^' && minor > 0) return [0, minor + 1, 0];
    return [major, minor, patch + 1];
  }
}

function nothing(readCost: number): RangeTest {
  return { isPin: false, cost: 1, readCost, includes: () => false };
}

function between(from: Triple, to: Triple, isPin: boolean): RangeTest {
  const includes = (release: Release): boolean =>
    !release.isPrerelease && compare(release, from) >= 0 && compare(release, to) < 0;
  return { isPin, cost: 1, readCost: 100, includes };
}

function compare({ major, minor, patch }: Release, to: Triple): number {
  if (major !== to[0]) return major - to[0];
  return minor === to[1] ? patch - to[2] : minor - to[1];
}

function full(text: string): RangeTest {
  const readCost = readCostPerCharacter * text.length;
  if (semver.validRange(text) === null) return nothing(readCost);
  const range = new semver.Range(text);
  const comparators = range.set.flat();
  const [only] = comparators;
  const isPin = comparators.length === 1 && only?.operator === '' && only.value !== '';
  return {
    isPin,
    cost: 10 * comparators.length,
    readCost,
    includes: (release) => range.test(release.semver),
  };
}
