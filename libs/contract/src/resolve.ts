import { offersCapability } from './capability.js';
import type { Digest } from './digest.js';
import { quote } from './name.js';
import type { Permissions } from './manifest.js';
import { Problem } from './problem.js';
import { compareVersions, satisfies } from './version.js';
import type { EngineProfile, Lock, LockedProxylet, VersionState } from './wire.js';

/** What resolution needs to know of one published version. */
export interface Candidate {
  readonly version: string;
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly state: VersionState;
  readonly stateReason?: string | undefined;
  readonly runtime: { readonly type: string; readonly version: string };
  readonly capabilities: readonly string[];
  readonly dependencies: Readonly<Record<string, string>>;
  readonly permissions: Permissions;
}

/** One constraint on a name, and who asks for it in words (`you`, `service demo/smart-grid 1.0.0`, `acme/thumb 1.3.0`). */
export interface Constraint {
  readonly name: string;
  readonly range: string;
  readonly by: string;
}

export interface ResolveInput {
  readonly wants: readonly Constraint[];
  readonly engine: EngineProfile;
  /** All versions of every name that can be reached from the wants; an unknown name is absent. */
  readonly candidates: ReadonlyMap<string, readonly Candidate[]>;
}

/** Choices tried before resolution gives up and says so: a hostile graph costs bounded time. */
const maxSteps = 20_000;

/**
 * Chooses one version for every wanted name and everything it depends on, highest first, an already installed
 * digest before an equal choice. Complete: it goes back on earlier choices until a set fits or none is left.
 *
 * @throws Problem `unresolvable`, whose `errors` say in words which want met which obstacle
 */
export function resolve(input: ResolveInput): Pick<Lock, 'proxylets'> {
  const search = new Search(input);
  const chosen = search.run(new Map(), input.wants);
  if (chosen === undefined) throw search.refusal();
  return { proxylets: inOrder(chosen, input.wants) };
}

type Chosen = ReadonlyMap<string, Candidate>;

class Search {
  private steps = 0;
  /** Obstacles by name, of the deepest attempt: what the caller is told. */
  private readonly obstacles = new Map<string, string>();

  constructor(private readonly input: ResolveInput) {}

  run(chosen: Chosen, open: readonly Constraint[]): Chosen | undefined {
    const [next, ...rest] = open;
    if (next === undefined) return chosen;
    const existing = chosen.get(next.name);
    if (existing !== undefined) {
      if (satisfies(existing.version, next.range)) return this.run(chosen, rest);
      this.obstacles.set(
        next.name,
        `${next.by} wants ${next.name} ${next.range}, but ${existing.version} is needed by another want`,
      );
      return undefined;
    }
    for (const candidate of this.fitting(next, open)) {
      this.steps += 1;
      if (this.steps > maxSteps) return undefined;
      const needs = Object.entries(candidate.dependencies).map(([name, range]) => ({
        name,
        range,
        by: `${next.name} ${candidate.version}`,
      }));
      const result = this.run(new Map(chosen).set(next.name, candidate), [...rest, ...needs]);
      if (result !== undefined) return result;
    }
    return undefined;
  }

  refusal(): Problem {
    if (this.steps > maxSteps) {
      return new Problem(
        'unresolvable',
        'The wants are too entangled: no set was found within the allowed effort.',
      );
    }
    const errors = [...this.obstacles.values()].map((detail) => ({ pointer: '/wants', detail }));
    return new Problem('unresolvable', `${errors[0]?.detail ?? 'No set of versions meets every want'}.`, {
      errors,
    });
  }

  /** Versions that meet the constraint and run on the engine, best first; records why there is none. */
  private fitting(want: Constraint, open: readonly Constraint[]): readonly Candidate[] {
    const all = this.input.candidates.get(want.name);
    if (all === undefined || all.length === 0) {
      this.obstacles.set(
        want.name,
        `${want.by} wants ${want.name} ${want.range}, which this catalog does not have`,
      );
      return [];
    }
    const ranges = open.filter((constraint) => constraint.name === want.name);
    const inRange = all.filter((c) => ranges.every(({ range }) => satisfies(c.version, range)));
    const alive = inRange.filter((c) => c.state !== 'yanked');
    const fitting = alive.filter((c) => this.hindrance(c) === undefined);
    if (fitting.length === 0) this.obstacles.set(want.name, this.explain(want, ranges, all, inRange, alive));
    return fitting.toSorted((a, b) => compareVersions(b.version, a.version));
  }

  private explain(
    want: Constraint,
    ranges: readonly Constraint[],
    all: readonly Candidate[],
    inRange: readonly Candidate[],
    alive: readonly Candidate[],
  ): string {
    const asked = ranges.map(({ range, by }) => `${by} wants ${want.name} ${range}`).join(' and ');
    const near = highest(alive);
    if (near !== undefined) return `${asked}; ${near.version} would do but ${this.hindrance(near) ?? ''}`;
    const yanked = highest(inRange);
    if (yanked !== undefined) {
      return `${asked}; ${yanked.version} would do but was yanked: ${quote(yanked.stateReason ?? '')}`;
    }
    const top = highest(all);
    return `${asked}, but no such version exists${top === undefined ? '' : `; the highest is ${top.version}`}`;
  }

  /** Why the engine cannot run the candidate; undefined where it can. */
  private hindrance(candidate: Candidate): string | undefined {
    const { type, version } = candidate.runtime;
    const { runtimes, capabilities } = this.input.engine;
    const sameType = runtimes.filter((runtime) => runtime.type === type);
    if (!sameType.some((runtime) => satisfies(runtime.version, version))) {
      const have = sameType.map((runtime) => runtime.version).join(', ');
      return `needs runtime ${type} ${version}; this engine has ${have === '' ? `no ${type}` : have}`;
    }
    const missing = candidate.capabilities.filter((want) => !offersCapability(capabilities, want));
    return missing.length === 0 ? undefined : `needs ${missing.join(', ')}, which this engine does not offer`;
  }
}

function highest(candidates: readonly Candidate[]): Candidate | undefined {
  return candidates.toSorted((a, b) => compareVersions(b.version, a.version))[0];
}

/** Dependencies first, each with the wants that led to it. A cycle is allowed: its members keep the order met. */
function inOrder(chosen: Chosen, wants: readonly Constraint[]): LockedProxylet[] {
  const because = new Map<string, string[]>();
  const note = (name: string, text: string): void => {
    because.set(name, [...(because.get(name) ?? []), text]);
  };
  for (const want of wants) note(want.name, `${want.by} wants ${want.range}`);
  for (const [name, candidate] of chosen) {
    for (const [dependency, range] of Object.entries(candidate.dependencies)) {
      note(dependency, `${name} ${candidate.version} wants ${range}`);
    }
  }
  const ordered: LockedProxylet[] = [];
  const seen = new Set<string>();
  const visit = (name: string): void => {
    const candidate = chosen.get(name);
    if (candidate === undefined || seen.has(name)) return;
    seen.add(name);
    const names = Object.keys(candidate.dependencies);
    for (const dependency of names) visit(dependency);
    ordered.push({
      name,
      version: candidate.version,
      digest: candidate.digest,
      sizeBytes: candidate.sizeBytes,
      dependencies: Object.fromEntries(names.map((n) => [n, chosen.get(n)?.version ?? ''])),
      permissions: {
        capabilities: [...candidate.permissions.capabilities],
        fetch: [...candidate.permissions.fetch],
        topics: {
          subscribe: [...candidate.permissions.topics.subscribe],
          publish: [...candidate.permissions.topics.publish],
        },
        secrets: [...candidate.permissions.secrets],
      },
      because: because.get(name) ?? [],
      ...(candidate.state === 'deprecated' ? { warning: candidate.stateReason ?? 'deprecated' } : {}),
    });
  };
  for (const want of wants) visit(want.name);
  return ordered;
}
