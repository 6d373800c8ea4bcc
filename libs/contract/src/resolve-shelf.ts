import {
  addBit,
  type Bits,
  emptyBits,
  firstBit,
  hasBit,
  intersection,
  union,
  without,
} from './resolve-bits.js';
import type { Effort } from './resolve-effort.js';
import type { Fitness } from './resolve-fitness.js';
import { parseRange } from './resolve-range.js';
import { type Candidate, type Release, releasesOf } from './resolve-versions.js';
import { latestOf } from './version.js';

/** Units of effort for taking a version apart; a long one has a pre-release or build to be read. */
function readCost(version: string): number {
  return version.length > 20 ? 30 * version.length : 60;
}

/** What is asked of a name: a range, or the version that a channel leads to. */
export type Ask =
  | { readonly range: string; readonly channel?: undefined }
  | { readonly channel: string; readonly range?: undefined };

/** Every published version of one name, and where its channels lead. `latest` is computed, whatever stands here. */
export interface ProxyletVersions {
  readonly versions: readonly Candidate[];
  readonly channels?: Readonly<Record<string, string>> | undefined;
}

export interface ShelfOptions {
  readonly fitness: Fitness;
  readonly effort: Effort;
  readonly isInstalled: (candidate: Candidate) => boolean;
  /** Ranges that the wants themselves, not some dependency, have on the name. */
  readonly wanted: readonly string[];
  readonly prefer: 'highest' | 'installed';
}

/**
 * The versions of one name as this resolution may take them. In its sets bit 0 stands for "this name is not in the
 * answer" and bit `i + 1` for `releases[i]`, highest first.
 */
export class Shelf {
  readonly releases: readonly Release[];
  /** Versions an ordinary range admits: not quarantined, fit for the engine, and not yanked unless excused. */
  private readonly open: Bits;
  private readonly yanked: Bits;
  private readonly installed: Bits;
  private readonly asked = new Map<string, Bits>();

  constructor(
    readonly name: string,
    readonly stock: ProxyletVersions,
    private readonly options: ShelfOptions,
  ) {
    const { effort, wanted } = options;
    effort.look(stock.versions.length);
    effort.spend(stock.versions.reduce((cost, { version }) => cost + readCost(version), 100));
    this.releases = releasesOf(stock.versions);
    [this.open, this.yanked, this.installed] = [this.none(), this.none(), this.none()];
    const pinned = wanted.filter((range) => parseRange(range).isPin).map((range) => this.matching({ range }));
    for (let bit = 1; bit < this.size; bit += 1) this.sort(bit, pinned);
  }

  private sort(bit: number, pinned: readonly Bits[]): void {
    const { fitness, isInstalled } = this.options;
    const candidate = this.release(bit)?.candidate;
    if (candidate === undefined || candidate.state === 'quarantined' || !fitness.canRun(candidate)) return;
    const isHere = isInstalled(candidate);
    if (isHere) addBit(this.installed, bit);
    if (candidate.state === 'yanked') addBit(this.yanked, bit);
    if (candidate.state !== 'yanked' || isHere || pinned.some((pin) => hasBit(pin, bit)))
      addBit(this.open, bit);
  }

  get size(): number {
    return this.releases.length + 1;
  }

  none(): Bits {
    return emptyBits(this.size);
  }

  /** Versions the text speaks of, whether they may be taken or not. */
  matching(ask: Ask): Bits {
    const bits = this.none();
    const { effort } = this.options;
    if (ask.channel !== undefined) {
      const version = this.channelVersion(ask.channel);
      const index = this.releases.findIndex((release) => release.version === version);
      if (index >= 0) addBit(bits, index + 1);
      return bits;
    }
    const test = parseRange(ask.range);
    effort.spend(test.readCost + test.cost * this.releases.length);
    let bit = 0;
    for (const release of this.releases) {
      bit += 1;
      if (test.includes(release)) addBit(bits, bit);
    }
    return bits;
  }

  /** Versions that meet what is asked and may be taken. A yanked one meets an exact pin, and a range only if excused. */
  admitted(ask: Ask): Bits {
    const key = ask.channel === undefined ? ask.range : `#${ask.channel}`;
    const before = this.asked.get(key);
    if (before !== undefined) return before;
    const isPin = ask.range !== undefined && parseRange(ask.range).isPin;
    const allowed = isPin ? union(this.open, this.yanked) : this.open;
    const admitted = intersection(this.matching(ask), allowed);
    this.asked.set(key, admitted);
    return admitted;
  }

  channelVersion(channel: string): string | undefined {
    if (channel === 'latest') return latestOf(this.stock.versions)?.version;
    const { channels } = this.stock;
    return channels !== undefined && Object.hasOwn(channels, channel) ? channels[channel] : undefined;
  }

  /** The best of a set: where it is preferred, what is installed; then the highest; a yanked one last. */
  pick(set: Bits): number {
    if (this.options.prefer === 'installed') {
      const here = firstBit(intersection(set, this.installed));
      if (here > 0) return here;
    }
    const sound = firstBit(without(set, this.yanked));
    return sound > 0 ? sound : firstBit(set);
  }

  release(bit: number): Release | undefined {
    return this.releases[bit - 1];
  }
}
