import { Problem } from './problem.js';
import { Effort } from './resolve-effort.js';
import { explain } from './resolve-explain.js';
import { Fitness } from './resolve-fitness.js';
import { lockOf } from './resolve-lock.js';
import type { Constraint } from './resolve-nogood.js';
import { type ProxyletVersions, Shelf } from './resolve-shelf.js';
import { Solver, type SolverOptions } from './resolve-solver.js';
import type { Candidate } from './resolve-versions.js';
import type { Explained } from './resolve-words.js';
import type { EngineProfile, Lock, ResolutionPreference } from './wire.js';

/** What is asked for, and on which engine. */
export interface ResolveQuestion {
  readonly wants: readonly Constraint[];
  readonly engine: EngineProfile;
  /**
   * `highest`, the default: equal wants have an equal answer on every engine, and asking again brings updates.
   * `installed`: a version that the engine has stays wherever a whole set can be found with it, so that asking again
   * changes nothing without need; what an engine that only makes sure that a service is there should ask for.
   */
  readonly prefer?: ResolutionPreference | undefined;
}

export interface ResolveInput extends ResolveQuestion {
  /** All versions of every name that can be reached from the wants; an unknown name is absent. */
  readonly candidates: ReadonlyMap<string, readonly Candidate[]>;
  /** By name and channel: the version that the channel leads to. `latest` is computed, whatever stands here. */
  readonly channels?: ReadonlyMap<string, Readonly<Record<string, string>>> | undefined;
}

export interface ResolveSource {
  /** All versions of each name, asked for when the search comes upon it; an unknown name may be left out. */
  readonly load: (names: readonly string[]) => Promise<ReadonlyMap<string, ProxyletVersions>>;
  /** Called every few milliseconds of work, so that a hard resolution does not stop the whole process. */
  readonly pause?: (() => Promise<void>) | undefined;
}

type Found = Pick<Lock, 'proxylets'>;

/** Obstacles that one refusal names. */
const maxObstacles = 20;
const nothing: ProxyletVersions = { versions: [] };

/**
 * Chooses one version for every wanted name and for everything it depends on. Complete: where a set exists that meets
 * every want, one is found. Deterministic: of all sets it is the one that gives the first want its best version, then
 * the second, and so on through the dependencies, breadth first; best is what `prefer` says.
 *
 * - A range takes pre-releases only where it names one (npm's rule); a channel takes the version it leads to.
 * - A yanked version is taken for an exact pin (`1.2.3`, `=1.2.3`), and by ranges where a want pins it or the engine
 *   has it installed; with a warning. A deprecated one is taken with a warning. A quarantined one never is.
 *
 * @throws Problem `unresolvable`: `errors` say in words which chain of wants met which obstacle, `obstacles` the same
 *   for machines; without these obstacles there would be a set (at most 20 are named)
 * @throws Problem `resolution-too-hard` where no answer was found within a bounded effort (well under a second)
 */
export function resolve(input: ResolveInput): Found {
  const { candidates, channels } = input;
  const loaded = new Map<string, ProxyletVersions>();
  const search = searching(input, loaded);
  for (let step = search.next(); ; step = search.next()) {
    if (step.done === true) return step.value;
    for (const name of step.value) {
      loaded.set(name, { versions: candidates.get(name) ?? nothing.versions, channels: channels?.get(name) });
    }
  }
}

/**
 * As `resolve`, with names loaded as the search meets them: mostly one step per proxylet of the answer, and none for
 * what only passed-over versions depend on.
 */
export async function resolveFrom(question: ResolveQuestion, { load, pause }: ResolveSource): Promise<Found> {
  const loaded = new Map<string, ProxyletVersions>();
  const search = searching(question, loaded);
  for (let step = search.next(); ; step = search.next()) {
    if (step.done === true) return step.value;
    const names = step.value;
    if (names.length === 0) await pause?.();
    else {
      const found = await load(names);
      for (const name of names) loaded.set(name, found.get(name) ?? nothing);
    }
  }
}

/** Yields the names it must be given in `loaded` before it goes on; none where it only pauses. */
function* searching(
  { wants, engine, prefer = 'highest' }: ResolveQuestion,
  loaded: ReadonlyMap<string, ProxyletVersions>,
): Generator<readonly string[], Found, undefined> {
  const effort = new Effort();
  const fitness = new Fitness(engine, effort);
  const shelves = new Map<string, Shelf>();
  const shelf = (name: string): Shelf | undefined => {
    const stock = loaded.get(name);
    const before = shelves.get(name);
    if (stock === undefined || before !== undefined) return before;
    const wanted = wants.flatMap((want) => (want.name === name ? (want.range ?? []) : []));
    const isInstalled = installedTest(engine, name);
    const made = new Shelf(name, stock, { fitness, effort, isInstalled, wanted, prefer });
    shelves.set(name, made);
    return made;
  };
  const outcome = yield* new Solver({ wants, effort, shelf, waived: new Set() }).run();
  if ('chosen' in outcome) return { proxylets: lockOf(outcome.chosen, wants) };
  const obstacles = [...explain(outcome.facts, wants, fitness)];
  try {
    yield* furtherObstacles(obstacles, { wants, effort, shelf }, fitness);
  } catch (error) {
    // What is known to stand in the way is told, though there may be more.
    if (!(error instanceof Problem) || error.code !== 'resolution-too-hard') throw error;
  }
  throw refusal(obstacles);
}

/** Takes the name of each obstacle as given and looks what then still stands in the way, until nothing does. */
function* furtherObstacles(
  obstacles: Explained[],
  options: Omit<SolverOptions, 'waived'>,
  fitness: Fitness,
): Generator<readonly string[], void, undefined> {
  while (obstacles.length > 0 && obstacles.length < maxObstacles) {
    const waived = new Set(obstacles.map(({ obstacle }) => obstacle.name));
    const outcome = yield* new Solver({ ...options, waived }).run();
    if ('chosen' in outcome) return;
    obstacles.push(...explain(outcome.facts, options.wants, fitness));
  }
}

function installedTest({ installed }: EngineProfile, name: string): (candidate: Candidate) => boolean {
  const here = installed.filter((one) => one.name === name);
  return ({ version, digest }) =>
    here.some((one) => one.version === version && (one.digest === undefined || one.digest === digest));
}

function refusal(all: readonly Explained[]): Problem {
  const told = all.slice(0, maxObstacles);
  const others = told.length - 1;
  const more =
    others > 0 ? ` There ${others === 1 ? 'is 1 more obstacle' : `are ${others} more obstacles`}.` : '';
  return new Problem('unresolvable', `${told[0]?.detail ?? ''}.${more}`, {
    errors: told.map(({ pointer, detail }) => ({ pointer, detail })),
    extra: { obstacles: told.map(({ obstacle }) => obstacle) },
  });
}
