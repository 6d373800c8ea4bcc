import semver from 'semver';

/** The part of a version that may be used once: `1.0.0+a` and `1.0.0+b` are one number (SemVer §10). */
export function versionKeyOf(version: string): string {
  return version.split('+', 1)[0] ?? version;
}

/**
 * A text that sorts, byte by byte, in the order of SemVer precedence (§11), so that "highest" is an index read.
 * Build metadata does not count.
 *
 * @param version a version that `isVersion` accepts
 */
export function precedenceOf(version: string): string {
  const parsed = semver.parse(version);
  if (parsed === null) throw new Error('precedenceOf takes valid versions only');
  const core = [parsed.major, parsed.minor, parsed.patch]
    .map((part) => String(part).padStart(16, '0'))
    .join('.');
  if (parsed.prerelease.length === 0) return `${core}~`;
  // `!` sorts before everything an identifier may hold, so a longer list comes after its own beginning.
  return `${core}-${parsed.prerelease.map((identifier) => identifierKey(String(identifier))).join('!')}`;
}

/** Numbers come before words, and among themselves by value: length first, then digits. */
function identifierKey(identifier: string): string {
  if (!/^\d+$/.test(identifier)) return `1${identifier}`;
  return `0${String(identifier.length).padStart(3, '0')}${identifier}`;
}
