import { describe, expect, it } from 'vitest';
import { Problem } from './problem.js';
import { resolve, resolveFrom, type ResolveInput } from './resolve.js';
import type { Candidate } from './resolve-versions.js';

type Catalog = Map<string, Candidate[]>;

/** CPU time of a hostile resolution, ms: its bound, far above what it takes, for it may share the processor. */
const boundMs = 1000;

function candidate(
  version: string,
  dependencies: Record<string, string> = {},
  more: Partial<Candidate> = {},
): Candidate {
  return {
    version,
    digest: `sha256:${'0'.repeat(64)}`,
    sizeBytes: 1,
    state: 'published',
    runtime: { type: 'isolate', version: '^1' },
    capabilities: [],
    dependencies,
    permissions: { capabilities: [], fetch: [], topics: { subscribe: [], publish: [] }, secrets: [] },
    ...more,
  };
}

function list<T>(length: number, make: (index: number) => T): T[] {
  return Array.from({ length }, (_, index) => make(index));
}

function catalogOf(length: number, versions: (index: number) => Candidate[]): Catalog {
  return new Map(list(length, (index) => [`a/n${index}`, versions(index)]));
}

function input(candidates: Catalog, wants: readonly string[] = ['a/n0']): ResolveInput {
  return {
    engine: { runtimes: [{ type: 'isolate', version: '1.3.0' }], capabilities: ['kv'], installed: [] },
    wants: wants.map((name) => ({ name, range: '*', by: 'you' })),
    candidates,
  };
}

/** Numbers from 0 to `below - 1`, the same in every run. */
function dice(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return Math.floor((state / 0x80000000) * below);
  };
}

/** More pigeons than holes: every proof of that by resolution is exponentially long. */
function pigeons(holes: number): ResolveInput {
  const catalog: Catalog = new Map();
  for (let p = 0; p <= holes; p += 1) {
    catalog.set(
      `pigeon/n${p}`,
      list(holes, (hole) => candidate(`1.${hole}.0`, { [`hole/n${hole}`]: `1.${p}.0` })),
    );
  }
  for (let hole = 0; hole < holes; hole += 1) {
    catalog.set(
      `hole/n${hole}`,
      list(holes + 1, (pigeon) => candidate(`1.${pigeon}.0`)),
    );
  }
  return input(
    catalog,
    list(holes + 1, (p) => `pigeon/n${p}`),
  );
}

/** Random 3-SAT at the ratio where it is hardest: two versions for true and false, three for the literals of a clause. */
function formula(variables: number): ResolveInput {
  const roll = dice(variables);
  const catalog = new Map(list(variables, (v) => [`v/n${v}`, [candidate('1.0.0'), candidate('2.0.0')]]));
  const clauses = list(Math.floor(variables * 4.26), (c) => `c/n${c}`);
  for (const clause of clauses) {
    catalog.set(
      clause,
      list(3, (k) => candidate(`1.${k}.0`, { [`v/n${roll(variables)}`]: roll(2) === 0 ? '^1' : '^2' })),
    );
  }
  return input(catalog, clauses);
}

function tangle(
  names: number,
  versions: number,
  range: (roll: ReturnType<typeof dice>, v: number) => string,
) {
  const roll = dice(7);
  return input(
    catalogOf(names, () =>
      list(versions, (v) =>
        candidate(`1.${v}.0`, Object.fromEntries(list(5, () => [`a/n${roll(names)}`, range(roll, v)]))),
      ),
    ),
  );
}

const attacks: Record<string, () => ResolveInput> = {
  'pigeons in too few holes': () => pigeons(12),
  'a hard formula': () => formula(150),
  'a chain of 900 to a missing end': () =>
    input(catalogOf(900, (i) => list(40, (v) => candidate(`1.${v}.0`, { [`a/n${i + 1}`]: `>=1.${v}.0` })))),
  'a cycle of 900 that never closes': () =>
    input(
      catalogOf(900, (i) =>
        list(40, (v) => candidate(`1.${v}.0`, { [`a/n${(i + 1) % 900}`]: `=1.${i === 899 ? v + 1 : v}.0` })),
      ),
    ),
  'a cycle that goes down one version at each turn': () =>
    input(
      catalogOf(100, (i) =>
        list(400, (v) => candidate(`1.${v}.0`, { [`a/n${(i + 1) % 100}`]: `<=1.${i === 99 ? v - 1 : v}.0` })),
      ),
    ),
  'a proxylet with 4000 dependencies': () =>
    input(
      new Map([
        ...catalogOf(4000, () => [candidate('1.0.0')]),
        ['a/top', [candidate('1.0.0', Object.fromEntries(list(4000, (i) => [`a/n${i}`, '*'])))]],
      ]),
      ['a/top'],
    ),
  'ranges of 256 characters, no two alike': () =>
    tangle(300, 50, (roll) => `${roll(1e6)}.1.0||${list(26, () => `1.${roll(50)}.0`).join('||')}`),
  'ranges of nothing but ||': () => tangle(300, 50, (roll) => `${'||'.repeat(120)}${roll(1e6)}`),
  '39 000 versions of one name, each a long pre-release': () =>
    input(new Map([['a/n0', list(39_000, (v) => candidate(`1.0.0-${'a.'.repeat(50)}${v}`))]])),
  '50 000 versions of one name': () => input(new Map([['a/n0', list(50_000, (v) => candidate(`1.${v}.0`))]])),
  'fifty capabilities for each of 40 000 versions, no two alike': () =>
    input(
      catalogOf(100, (i) =>
        list(400, (v) =>
          candidate(`1.${v}.0`, {}, { capabilities: list(50, (k) => `kv-${i}-${v}-${k}@^1 || ^2 || ^3`) }),
        ),
      ),
      list(100, (i) => `a/n${i}`),
    ),
};

function problemOf(work: () => unknown): Problem | undefined {
  try {
    work();
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
  return undefined;
}

describe('a hostile graph', () => {
  it.each(Object.keys(attacks))('%s is answered within bounds, and alike each time', (name) => {
    const hostile = attacks[name]?.() ?? input(new Map());
    const started = process.threadCpuUsage();
    const problem = problemOf(() => resolve(hostile));
    const { user, system } = process.threadCpuUsage(started);
    expect((user + system) / 1000).toBeLessThan(boundMs);
    if (problem !== undefined) expect(['unresolvable', 'resolution-too-hard']).toContain(problem.code);
    expect(problemOf(() => resolve(hostile))?.toBody()).toEqual(problem?.toBody());
  });

  it('is told apart from one that is known to have no answer', () => {
    const problem = problemOf(() => resolve(pigeons(12)));
    expect(problem).toMatchObject({ code: 'resolution-too-hard', extra: { names: 25 } });
    expect(problem?.detail).toMatch(/^The wants are too entangled: after \d+ dead ends/);
    expect(problemOf(() => resolve(pigeons(4)))?.code).toBe('unresolvable');
  });

  it('lets others work while it is looked at', async () => {
    const { candidates, ...question } = pigeons(12);
    const stock = new Map([...candidates].map(([name, versions]) => [name, { versions }]));
    let pauses = 0;
    const pause = () => {
      pauses += 1;
      return Promise.resolve();
    };
    await expect(resolveFrom(question, { load: () => Promise.resolve(stock), pause })).rejects.toMatchObject({
      code: 'resolution-too-hard',
    });
    expect(pauses).toBeGreaterThan(20);
  });

  it('does not keep a name from being found that is called like a member of every object', () => {
    const problem = problemOf(() =>
      resolve({
        ...input(new Map([['a/n0', [candidate('1.0.0')]]])),
        wants: [{ name: 'a/n0', channel: 'constructor', by: 'you' }],
        channels: new Map([['a/n0', {}]]),
      }),
    );
    expect(problem?.detail).toBe(
      'you want a/n0 of channel constructor, but there is no such channel; it has latest.',
    );
  });
});

describe('a large graph', () => {
  it('of 200 proxylets with 50 versions and 5 dependencies each is resolved', () => {
    const { proxylets } = resolve(tangle(200, 50, (roll) => `>=1.${roll(40)}.0`));
    expect(proxylets.length).toBeGreaterThan(150);
  });
});
