import semver from 'semver';
import type { Digest } from './digest.js';
import type { Permissions } from './manifest.js';
import type { VersionState } from './wire.js';

/** What resolution needs to know of one published version. */
export interface Candidate {
  readonly version: string;
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly state: VersionState | 'quarantined';
  readonly stateReason?: string | undefined;
  readonly runtime: { readonly type: string; readonly version: string };
  readonly capabilities: readonly string[];
  readonly dependencies: Readonly<Record<string, string>>;
  readonly permissions: Permissions;
}

/** A candidate with its version taken apart, once. */
export class Release {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
  readonly isPrerelease: boolean;
  private parsed: semver.SemVer | undefined;

  constructor(readonly candidate: Candidate) {
    const plain = plainPattern.exec(candidate.version);
    if (plain === null) this.parsed = new semver.SemVer(candidate.version);
    this.major = this.parsed?.major ?? Number(plain?.[1]);
    this.minor = this.parsed?.minor ?? Number(plain?.[2]);
    this.patch = this.parsed?.patch ?? Number(plain?.[3]);
    this.isPrerelease = this.parsed !== undefined && this.parsed.prerelease.length > 0;
  }

  get version(): string {
    return this.candidate.version;
  }

  get semver(): semver.SemVer {
    this.parsed ??= new semver.SemVer(this.candidate.version);
    return this.parsed;
  }
}

/** The common form, `1.2.3`, spared the full parser: it is most of what a resolution reads. */
const plainPattern = /^(\d{1,15})\.(\d{1,15})\.(\d{1,15})$/;

const known = new WeakMap<readonly Candidate[], readonly Release[]>();

/** Highest first. Remembered for as long as the caller keeps the same array, which must not change meanwhile. */
export function releasesOf(candidates: readonly Candidate[]): readonly Release[] {
  const before = known.get(candidates);
  if (before !== undefined) return before;
  const releases = candidates.map((candidate) => new Release(candidate)).toSorted((a, b) => precedence(b, a));
  known.set(candidates, releases);
  return releases;
}

/** As `compareVersions`. */
function precedence(a: Release, b: Release): number {
  return (
    a.major - b.major || a.minor - b.minor || a.patch - b.patch || semver.compareBuild(a.semver, b.semver)
  );
}
