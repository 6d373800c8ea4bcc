import semver from 'semver';
import { quote } from './name.js';
import { type Bits, firstBit, hasBit, intersection } from './resolve-bits.js';
import type { Demand } from './resolve-chains.js';
import type { Fitness } from './resolve-fitness.js';
import type { Ask, Shelf } from './resolve-shelf.js';
import type { Release } from './resolve-versions.js';
import type { Obstacle } from './wire.js';

/** An obstacle with the sentence and the pointer that go into `errors`. */
export interface Explained {
  readonly obstacle: Obstacle;
  readonly detail: string;
  readonly pointer: string;
}

/** Characters of one sentence: names, versions and ranges are a publisher's, and may be long. */
const sentenceMaxLength = 2000;
/** Askers named in one sentence. */
const askersMax = 4;
/** Channels named in one sentence. */
const channelsMax = 10;

/** Why no version meets one demand by itself, with the version that comes nearest. */
export function missing(demand: Demand, fitness: Fitness): Explained {
  const { ask, target } = demand.edge;
  const { shelf } = target;
  const lead = wants(demand);
  if (shelf.releases.length === 0) {
    return explained(demand, 'missing-name', `${lead}, which this catalog does not have`);
  }
  const near = nearMiss(shelf, shelf.matching(ask), fitness);
  if (near !== undefined) {
    const hint = near.kind === 'yanked' ? `; an exact want, =${near.version}, still gets it` : '';
    return explained(
      demand,
      near.kind,
      `${lead}; ${near.version} would do but ${near.words}${hint}`,
      near.version,
    );
  }
  const { words, nearest } =
    ask.channel === undefined ? noVersion(shelf, ask.range) : noChannel(shelf, ask.channel);
  return explained(demand, 'no-version', `${lead}, but ${words}`, nearest);
}

/** Demands on one name that cannot be met together. */
export function against(demands: readonly Demand[], fitness: Fitness): Explained {
  const [first, ...others] = demands;
  if (first === undefined) throw new Error('a conflict of nobody');
  const { shelf } = first.edge.target;
  const shown = others.slice(0, askersMax - 1).map(wants);
  const more = demands.length - shown.length - 1;
  const clash = `${wants(first)}, but ${shown.join(', and ')}${more > 0 ? `, and so on for ${more} more` : ''}`;
  const obstacle = { against: others.slice(0, askersMax - 1).map(({ by, edge }) => askedBy(by, edge.ask)) };
  const asked = demands.map(({ edge }) => shelf.matching(edge.ask));
  const [any, ...rest] = asked;
  const near = any && nearMiss(shelf, rest.reduce(intersection, any), fitness);
  if (near !== undefined) {
    const detail = `${clash}; ${near.version} would do for all but ${near.words}`;
    return explained(first, near.kind, detail, near.version, obstacle);
  }
  const most = suitsMost(shelf, demands);
  const words = most === undefined ? '' : `; ${most.version} would do for all but ${most.except.by}`;
  return explained(first, 'conflict', `${clash}${words}`, most?.version, obstacle);
}

function explained(
  demand: Demand,
  kind: Obstacle['kind'],
  detail: string,
  nearest?: string,
  more: Pick<Obstacle, 'against'> = {},
): Explained {
  const { by, edge, pointer } = demand;
  const { name } = edge.target.shelf;
  const near = nearest === undefined ? {} : { nearest };
  return {
    obstacle: { name, ...askedBy(by, edge.ask), kind, ...near, ...more },
    detail: shortened(detail),
    pointer,
  };
}

function shortened(sentence: string): string {
  return sentence.length > sentenceMaxLength ? `${sentence.slice(0, sentenceMaxLength)}…` : sentence;
}

function askedBy(by: string, { range, channel }: Ask): { by: string; range?: string; channel?: string } {
  return channel === undefined ? { by, range } : { by, channel };
}

function wants({ by, edge: { ask, target } }: Demand): string {
  const verb = by === 'you' ? 'want' : 'wants';
  const { name } = target.shelf;
  if (ask.channel !== undefined) return `${by} ${verb} ${name} of channel ${ask.channel}`;
  return `${by} ${verb} ${name} ${ask.range === '' ? '*' : ask.range}`;
}

interface NearMiss {
  readonly version: string;
  readonly kind: 'runtime' | 'capability' | 'yanked' | 'quarantined';
  readonly words: string;
}

/** What keeps the best version of those asked for from being taken: one the engine lacks something for comes first. */
function nearMiss(shelf: Shelf, matching: Bits, fitness: Fitness): NearMiss | undefined {
  const releases = shelf.releases.filter((_, index) => hasBit(matching, index + 1));
  const near =
    releases.find(({ candidate: { state } }) => state !== 'yanked' && state !== 'quarantined') ??
    releases.find(({ candidate: { state } }) => state === 'yanked') ??
    releases[0];
  if (near === undefined) return undefined;
  const { version, candidate } = near;
  const { state, stateReason } = candidate;
  const reason = stateReason === undefined || stateReason === '' ? '' : `: ${quote(stateReason)}`;
  if (state === 'quarantined') return { version, kind: state, words: `is quarantined${reason}` };
  const hindrance = fitness.hindrance(candidate);
  if (state === 'yanked' && hindrance === undefined)
    return { version, kind: state, words: `was yanked${reason}` };
  return hindrance && { version, ...hindrance };
}

interface NoVersion {
  readonly words: string;
  readonly nearest?: string;
}

function noVersion(shelf: Shelf, range: string): NoVersion {
  const early = shelf.releases.find(
    ({ version, isPrerelease }) =>
      isPrerelease && semver.satisfies(version, range, { includePrerelease: true }),
  );
  if (early !== undefined) {
    const words = `no such version exists; ${early.version} is a pre-release, which only a range that names one or a channel takes`;
    return { words, nearest: early.version };
  }
  return highestOf(shelf, 'no such version exists');
}

function noChannel(shelf: Shelf, channel: string): NoVersion {
  const version = shelf.channelVersion(channel);
  if (version !== undefined) return { words: `${version}, to which it leads, is not there` };
  if (channel === 'latest') return highestOf(shelf, 'it has no stable version');
  const names = Object.keys(shelf.stock.channels ?? {})
    .filter((name) => name !== 'latest')
    .toSorted();
  const others = [...names.slice(0, channelsMax), 'latest'].join(', ');
  return { words: `there is no such channel; it has ${others}` };
}

function highestOf(shelf: Shelf, words: string): NoVersion {
  const sound = shelf.releases.filter(({ candidate }) => candidate.state !== 'quarantined');
  const highest = sound.find(({ isPrerelease }) => !isPrerelease) ?? sound[0];
  return highest === undefined
    ? { words }
    : { words: `${words}; the highest is ${highest.version}`, nearest: highest.version };
}

/** The version that all demands but one would take. Of two demands each has such a version: that says nothing. */
function suitsMost(
  shelf: Shelf,
  demands: readonly Demand[],
): { readonly version: string; readonly except: Demand } | undefined {
  if (demands.length < 3) return undefined;
  for (const except of demands) {
    const others = demands.filter((demand) => demand !== except).map(({ edge }) => edge.admitted);
    const [any, ...rest] = others;
    const release: Release | undefined = any && shelf.release(firstBit(rest.reduce(intersection, any)));
    if (release !== undefined) return { version: release.version, except };
  }
  return undefined;
}
