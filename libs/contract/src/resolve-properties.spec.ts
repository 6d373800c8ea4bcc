import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Problem } from './problem.js';
import { resolve, resolveFrom, type ResolveInput } from './resolve.js';
import type { Constraint } from './resolve-nogood.js';
import type { Candidate } from './resolve-versions.js';
import { compareVersions, latestOf, satisfies } from './version.js';
import type { Obstacle } from './wire.js';

const names = ['a/a', 'a/b', 'a/c', 'a/d'] as const;
const numbers = ['1.0.0', '1.1.0', '2.0.0', '2.1.0-beta.1'] as const;
const anyName = fc.constantFrom(...names);
const anyRange = fc.constantFrom(
  '*',
  '1.0.0',
  '=2.0.0',
  '^1',
  '>=1.1',
  '<2',
  '^2.1.0-0',
  '1.0.0 || 2.x',
  '^7',
);

const anyCandidate = (version: string): fc.Arbitrary<Candidate> =>
  fc
    .record({
      dependencies: fc.dictionary(anyName, anyRange, { maxKeys: 3 }),
      state: fc.oneof(
        { weight: 6, arbitrary: fc.constant('published' as const) },
        { weight: 1, arbitrary: fc.constantFrom('deprecated', 'yanked', 'quarantined') },
      ),
      needs: fc.oneof(
        { weight: 8, arbitrary: fc.constant('^1') },
        { weight: 1, arbitrary: fc.constant('^2') },
      ),
      capabilities: fc.oneof(
        { weight: 8, arbitrary: fc.constant([]) },
        { weight: 1, arbitrary: fc.constant(['gpio']) },
      ),
    })
    .map(
      ({ needs, state, dependencies, capabilities }): Candidate => ({
        version,
        digest: `sha256:${'0'.repeat(64)}`,
        sizeBytes: 1,
        state,
        runtime: { type: 'isolate', version: needs },
        capabilities,
        dependencies,
        permissions: { capabilities: [], fetch: [], topics: { subscribe: [], publish: [] }, secrets: [] },
      }),
    );

const anyVersions = fc
  .subarray([...numbers])
  .chain((versions) => fc.tuple(...versions.map((version) => anyCandidate(version))))
  .chain((versions) => fc.shuffledSubarray(versions, { minLength: versions.length }));

const anyWant: fc.Arbitrary<Constraint> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ name: anyName, range: anyRange, by: fc.constant('you') }) },
  {
    weight: 1,
    arbitrary: fc.record({
      name: anyName,
      channel: fc.constantFrom('next', 'latest', 'gone'),
      by: fc.constant('you'),
    }),
  },
);

const anyInput: fc.Arbitrary<ResolveInput> = fc
  .record({
    lists: fc.tuple(anyVersions, anyVersions, anyVersions, anyVersions),
    wants: fc.array(anyWant, { minLength: 1, maxLength: 3 }),
    installed: fc.array(fc.record({ name: anyName, version: fc.constantFrom(...numbers) }), { maxLength: 3 }),
    prefer: fc.constantFrom('highest', 'installed', undefined),
    next: fc.dictionary(anyName, fc.constantFrom(...numbers), { maxKeys: 4 }),
  })
  .map(({ lists, wants, installed, prefer, next }) => ({
    engine: { runtimes: [{ type: 'isolate', version: '1.3.0' }], capabilities: ['kv'], installed },
    wants,
    prefer,
    candidates: new Map(names.map((name, index) => [name, lists[index] ?? []])),
    channels: new Map(Object.entries(next).map(([name, version]) => [name, { next: version }])),
  }));

const runs = { numRuns: 3000 };

describe('resolution, against trying every set', () => {
  it('finds the first in its order of all sets that meet every want, or says that there is none', () => {
    fc.assert(
      fc.property(anyInput, (input) => {
        const best = bestSet(input, new Set());
        const answer = outcome(input);
        expect(answer.chosen).toEqual(best === undefined ? undefined : Object.fromEntries(best));
      }),
      runs,
    );
  });

  it('names obstacles without which there would be a set, each name once', () => {
    fc.assert(
      fc.property(anyInput, (input) => {
        const { obstacles } = outcome(input);
        if (obstacles === undefined) return;
        const blocked = obstacles.map(({ name }) => name);
        expect(new Set(blocked).size).toBe(blocked.length);
        expect(bestSet(input, new Set(blocked))).toBeDefined();
      }),
      runs,
    );
  });

  it('depends neither on the order of versions nor on the way they are loaded', async () => {
    await fc.assert(
      fc.asyncProperty(anyInput, fc.func(fc.integer()), async (input, shuffle) => {
        const candidates = new Map(
          [...input.candidates]
            .toReversed()
            .map(([name, all]) => [name, all.toSorted((a, b) => shuffle(a.version) - shuffle(b.version))]),
        );
        expect(told(() => resolve({ ...input, candidates }))).toEqual(told(() => resolve(input)));
        const load = (wanted: readonly string[]) =>
          Promise.resolve(
            new Map(
              wanted.map((name) => [
                name,
                { versions: candidates.get(name) ?? [], channels: input.channels?.get(name) },
              ]),
            ),
          );
        const loaded = await resolveFrom(input, { load }).catch((error: unknown) => error);
        expect(told(() => (loaded instanceof Error ? raise(loaded) : loaded))).toEqual(
          told(() => resolve(input)),
        );
      }),
      { numRuns: 500 },
    );
  });
});

function raise(error: Error): never {
  throw error;
}

/** What the caller hears, as data. */
function told(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error instanceof Problem ? error.toBody() : raise(error as Error);
  }
}

function outcome(input: ResolveInput): { chosen?: Record<string, string>; obstacles?: readonly Obstacle[] } {
  try {
    const { proxylets } = resolve(input);
    return { chosen: Object.fromEntries(proxylets.map(({ name, version }) => [name, version])) };
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== 'unresolvable') throw error;
    return { obstacles: error.extra?.['obstacles'] as Obstacle[] };
  }
}

type Choice = Map<string, Candidate>;

/** The rules once more, in the plainest form: every choice of versions is looked at. */
function bestSet(input: ResolveInput, waived: ReadonlySet<string>): Map<string, string> | undefined {
  let best: Choice | undefined;
  for (const set of everySet(input)) {
    const reached = reachedIn(set, input, waived);
    if (reached?.size === set.size && (best === undefined || isBefore(reached, best, input))) best = reached;
  }
  return best && new Map([...best].map(([name, { version }]) => [name, version]));
}

function everySet({ candidates }: ResolveInput): Choice[] {
  return names.reduce<Choice[]>(
    (sets, name) =>
      sets.flatMap((set) => [set, ...(candidates.get(name) ?? []).map((one) => new Map(set).set(name, one))]),
    [new Map()],
  );
}

/** The members of a set in the order they are met, wants first; undefined where some need is not met. */
function reachedIn(set: Choice, input: ResolveInput, waived: ReadonlySet<string>): Choice | undefined {
  const reached: Choice = new Map();
  const open: Omit<Constraint, 'by'>[] = [...input.wants];
  for (const ask of open) {
    if (waived.has(ask.name)) continue;
    const candidate = set.get(ask.name);
    if (candidate === undefined || !isAdmitted(ask as Constraint, candidate, input)) return undefined;
    if (reached.has(ask.name)) continue;
    reached.set(ask.name, candidate);
    for (const [name, range] of Object.entries(candidate.dependencies)) open.push({ name, range });
  }
  return reached;
}

function isAdmitted(ask: Constraint, candidate: Candidate, input: ResolveInput): boolean {
  const { version, state } = candidate;
  if (state === 'quarantined' || candidate.runtime.version === '^2' || candidate.capabilities.length > 0)
    return false;
  const isPinned = (range: string | undefined): boolean => range === version || range === `=${version}`;
  if (state === 'yanked' && !isPinned(ask.range) && !isInstalled(ask.name, candidate, input)) {
    if (!input.wants.some(({ name, range }) => name === ask.name && isPinned(range))) return false;
  }
  if (ask.channel === undefined) return satisfies(version, ask.range);
  const versions = input.candidates.get(ask.name) ?? [];
  const to =
    ask.channel === 'latest' ? latestOf(versions)?.version : input.channels?.get(ask.name)?.[ask.channel];
  return to === version;
}

function isInstalled(name: string, { version }: Candidate, { engine }: ResolveInput): boolean {
  return engine.installed.some((one) => one.name === name && one.version === version);
}

/** Whether the first name on which they differ has a better version in `a`. */
function isBefore(a: Choice, b: Choice, input: ResolveInput): boolean {
  for (const [name, one] of a) {
    const other = b.get(name);
    if (other === undefined || other === one) continue;
    const rank = (candidate: Candidate): number => {
      if (input.prefer === 'installed' && isInstalled(name, candidate, input)) return 0;
      return candidate.state === 'yanked' ? 2 : 1;
    };
    return (
      rank(one) < rank(other) ||
      (rank(one) === rank(other) && compareVersions(one.version, other.version) > 0)
    );
  }
  return false;
}
