import semver from 'semver';
import { quote } from './name.js';
import { Problem } from './problem.js';

/** Longer text is refused before the parser sees it: it bounds the cost of hostile input. */
export const versionMaxLength = 128;
export const rangeMaxLength = 256;

/** Strict SemVer 2.0: no leading `v`, no blanks, nothing loose. */
export function isVersion(value: string): boolean {
  if (value.length > versionMaxLength) return false;
  const parsed = semver.parse(value);
  if (parsed === null) return false;
  const build = parsed.build.length > 0 ? `+${parsed.build.join('.')}` : '';
  return `${parsed.version}${build}` === value;
}

/** @throws Problem `invalid-version` */
export function assertVersion(value: string): void {
  if (isVersion(value)) return;
  throw new Problem('invalid-version', `${quote(value)} is not a version such as 1.4.0 or 2.0.0-beta.1.`);
}

export function isRange(value: string): boolean {
  return value.length <= rangeMaxLength && semver.validRange(value) !== null;
}

/** @throws Problem `invalid-range` */
export function assertRange(value: string): void {
  if (isRange(value)) return;
  throw new Problem('invalid-range', `${quote(value)} is not a range such as ^1.2, ~2.0.1 or >=1 <3.`);
}

/** npm's rule: a pre-release satisfies a range only where the range names a pre-release of the same triple. */
export function satisfies(version: string, range: string): boolean {
  return semver.satisfies(version, range);
}

export function isPrerelease(version: string): boolean {
  return semver.prerelease(version) !== null;
}

/** Precedence order of SemVer §11, build metadata as the tie-break. */
export function compareVersions(a: string, b: string): number {
  return semver.compareBuild(a, b);
}

/** What `latest` means: the highest stable version that is not yanked; undefined where there is none. */
export function latestOf<V extends { readonly version: string; readonly state: string }>(
  versions: readonly V[],
): V | undefined {
  let best: V | undefined;
  for (const candidate of versions) {
    if (
      candidate.state === 'yanked' ||
      candidate.state === 'quarantined' ||
      isPrerelease(candidate.version)
    ) {
      continue;
    }
    if (best === undefined || compareVersions(candidate.version, best.version) > 0) best = candidate;
  }
  return best;
}
