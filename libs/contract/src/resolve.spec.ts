import { describe, expect, it } from 'vitest';
import { Problem } from './problem.js';
import { resolve, type ResolveInput } from './resolve.js';
import type { Candidate } from './resolve-versions.js';
import type { Obstacle } from './wire.js';

const engine = {
  runtimes: [
    { type: 'isolate', version: '1.3.0' },
    { type: 'isolate', version: '3.0.0' },
    { type: 'wasm', version: '2.1.0' },
  ],
  capabilities: ['kv', 'gpio@2.1.0'],
  installed: [],
};

function candidate(version: string, change: Partial<Candidate> = {}): Candidate {
  return {
    version,
    digest: `sha256:${version.replaceAll(/\D/g, '').padStart(64, '0')}`,
    sizeBytes: 1,
    state: 'published',
    runtime: { type: 'isolate', version: '^1' },
    capabilities: [],
    dependencies: {},
    permissions: { capabilities: [], fetch: [], topics: { subscribe: [], publish: [] }, secrets: [] },
    ...change,
  };
}

type Catalog = Record<string, Candidate[]>;
type Question = Partial<Pick<ResolveInput, 'engine' | 'prefer' | 'channels' | 'wants'>>;

function input(wants: Record<string, string>, catalog: Catalog, question: Question = {}): ResolveInput {
  return {
    engine,
    wants: Object.entries(wants).map(([name, range]) => ({ name, range, by: 'you' })),
    candidates: new Map(Object.entries(catalog)),
    ...question,
  };
}

function chosen(...question: Parameters<typeof input>): Record<string, string> {
  return Object.fromEntries(
    resolve(input(...question)).proxylets.map(({ name, version }) => [name, version]),
  );
}

function refusal(...question: Parameters<typeof input>): Problem & { obstacles: readonly Obstacle[] } {
  try {
    resolve(input(...question));
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== 'unresolvable') throw error;
    return Object.assign(error, { obstacles: error.extra?.['obstacles'] as Obstacle[] });
  }
  throw new Error('a refusal was expected');
}

const depends = (dependencies: Record<string, string>) => ({ dependencies });

function runs(type: string, version: string): Record<string, string> {
  return chosen({ 'a/x': '*' }, { 'a/x': [candidate('1.0.0', { runtime: { type, version } })] });
}

function needing(range: string): Candidate[] {
  return [candidate('1.0.0', depends({ 'a/x': range }))];
}

/** A catalog of two versions alike. */
function only(change: Partial<Candidate>): Catalog {
  return { 'a/x': [candidate('1.4.0', change), candidate('1.3.0', change)] };
}

describe('resolution', () => {
  it('takes the highest version in range', () => {
    const catalog = { 'a/x': [candidate('1.2.0'), candidate('1.10.0'), candidate('2.0.0')] };
    expect(chosen({ 'a/x': '^1' }, catalog)).toEqual({ 'a/x': '1.10.0' });
  });

  it('brings dependencies along, before those that need them, with the reason', () => {
    const catalog = { 'a/x': [candidate('1.0.0', depends({ 'b/y': '^2' }))], 'b/y': [candidate('2.1.0')] };
    const { proxylets } = resolve(input({ 'a/x': '*' }, catalog));
    expect(proxylets.map(({ name }) => name)).toEqual(['b/y', 'a/x']);
    expect(proxylets.map(({ because }) => because)).toEqual([['a/x 1.0.0 wants ^2'], ['you want *']]);
    expect(proxylets[1]?.dependencies).toEqual({ 'b/y': '2.1.0' });
  });

  it('goes back on a choice when its dependency fits nobody', () => {
    const catalog = {
      'a/x': [candidate('1.0.0', depends({ 'b/y': '^1' })), candidate('2.0.0', depends({ 'b/y': '^2' }))],
      'b/y': [candidate('1.5.0')],
    };
    expect(chosen({ 'a/x': '*' }, catalog)).toEqual({ 'a/x': '1.0.0', 'b/y': '1.5.0' });
  });

  it('gives way to the want that comes first', () => {
    const catalog = {
      'a/x': [candidate('1.0.0', depends({ 'c/z': '^2' })), candidate('2.0.0', depends({ 'c/z': '^1' }))],
      'b/y': [candidate('1.0.0', depends({ 'c/z': '^1' })), candidate('2.0.0', depends({ 'c/z': '^2' }))],
      'c/z': [candidate('1.0.0'), candidate('2.0.0')],
    };
    expect(chosen({ 'a/x': '*', 'b/y': '*' }, catalog)).toEqual({
      'a/x': '2.0.0',
      'b/y': '1.0.0',
      'c/z': '1.0.0',
    });
    expect(chosen({ 'b/y': '*', 'a/x': '*' }, catalog)).toEqual({
      'a/x': '1.0.0',
      'b/y': '2.0.0',
      'c/z': '2.0.0',
    });
  });

  it('lets a circle of dependencies be', () => {
    const catalog = {
      'a/x': [candidate('1.0.0', depends({ 'b/y': '*' }))],
      'b/y': [candidate('1.0.0', depends({ 'a/x': '*' }))],
    };
    expect(Object.keys(chosen({ 'a/x': '*' }, catalog)).toSorted()).toEqual(['a/x', 'b/y']);
  });

  it('warns of deprecated versions, and takes them', () => {
    const catalog = {
      'a/x': [candidate('1.1.0', { state: 'deprecated', stateReason: 'use b/y' }), candidate('1.0.0')],
    };
    expect(resolve(input({ 'a/x': '^1' }, catalog)).proxylets).toMatchObject([
      { version: '1.1.0', warning: 'use b/y' },
    ]);
  });

  it('never takes a quarantined version, pinned or installed', () => {
    const catalog = { 'a/x': [candidate('1.1.0', { state: 'quarantined' }), candidate('1.0.0')] };
    const installed = [{ name: 'a/x', version: '1.1.0' }];
    const question = { engine: { ...engine, installed }, prefer: 'installed' } as const;
    expect(chosen({ 'a/x': '*' }, catalog, question)).toEqual({ 'a/x': '1.0.0' });
    expect(refusal({ 'a/x': '=1.1.0' }, catalog, question).obstacles).toMatchObject([
      { kind: 'quarantined' },
    ]);
  });

  it('runs a version on any of the runtimes, of its own type only', () => {
    expect(runs('isolate', '>=2')).toEqual({ 'a/x': '1.0.0' });
    expect(runs('wasm', '^2')).toEqual({ 'a/x': '1.0.0' });
    expect(() => runs('wasm', '^3')).toThrow('needs runtime wasm ^3; this engine has 2.1.0');
    expect(() => runs('jvm', '*')).toThrow('needs runtime jvm *; this engine has no jvm');
  });
});

describe('a pre-release', () => {
  const catalog = { 'a/x': [candidate('1.0.0'), candidate('2.0.0-beta.1'), candidate('2.0.0-beta.2')] };

  it('is taken where the range names one, and only there', () => {
    expect(chosen({ 'a/x': '*' }, catalog)).toEqual({ 'a/x': '1.0.0' });
    expect(chosen({ 'a/x': '>=2.0.0-beta.1' }, catalog)).toEqual({ 'a/x': '2.0.0-beta.2' });
    expect(refusal({ 'a/x': '^2' }, catalog).detail).toBe(
      'you want a/x ^2, but no such version exists; 2.0.0-beta.2 is a pre-release, which only a range that names one or a channel takes.',
    );
  });
});

describe('a channel', () => {
  const catalog = {
    'a/x': [candidate('1.0.0'), candidate('1.1.0'), candidate('2.0.0-beta.1'), candidate('0.9.0')],
  };
  const asking = (channel: string, versions = catalog): Parameters<typeof input> => [
    {},
    versions,
    {
      wants: [{ name: 'a/x', channel, by: 'you' }],
      channels: new Map([['a/x', { next: '2.0.0-beta.1', old: '0.9.0', latest: '0.9.0' }]]),
    },
  ];

  it('leads to one version, pre-release or not', () => {
    expect(chosen(...asking('next'))).toEqual({ 'a/x': '2.0.0-beta.1' });
    expect(chosen(...asking('old'))).toEqual({ 'a/x': '0.9.0' });
  });

  it('called latest is computed, whatever is stored under that name', () => {
    expect(chosen(...asking('latest'))).toEqual({ 'a/x': '1.1.0' });
    const beta = { 'a/x': [candidate('1.0.0-beta.1')] };
    expect(refusal(...asking('latest', beta)).detail).toContain(
      'it has no stable version; the highest is 1.0.0-beta.1',
    );
  });

  it('meets ranges on the same name', () => {
    const [, , question] = asking('old');
    const wants = [...(question?.wants ?? []), { name: 'a/x', range: '^1', by: 'service s/s 1.0.0' }];
    expect(refusal({}, catalog, { ...question, wants }).detail).toBe(
      'you want a/x of channel old, but service s/s 1.0.0 wants a/x ^1.',
    );
  });

  it('that is not there is told apart from one whose version was withdrawn', () => {
    expect(refusal(...asking('beta'))).toMatchObject({
      detail: 'you want a/x of channel beta, but there is no such channel; it has next, old, latest.',
      obstacles: [{ name: 'a/x', channel: 'beta', kind: 'no-version' }],
    });
    const yanked = { 'a/x': [candidate('0.9.0', { state: 'yanked' }), candidate('1.0.0')] };
    expect(refusal(...asking('old', yanked)).obstacles).toMatchObject([{ kind: 'yanked', nearest: '0.9.0' }]);
  });
});

describe('a yanked version', () => {
  const catalog = {
    'a/x': [candidate('1.1.0', { state: 'yanked', stateReason: 'leaks' }), candidate('1.0.0')],
    'b/range': [candidate('1.0.0', depends({ 'a/x': '>=1.1' }))],
    'b/pin': [candidate('1.0.0', depends({ 'a/x': '=1.1.0' }))],
  };
  const here = { engine: { ...engine, installed: [{ name: 'a/x', version: '1.1.0' }] } };

  it('is passed over by ranges', () => {
    expect(chosen({ 'a/x': '^1' }, catalog)).toEqual({ 'a/x': '1.0.0' });
    expect(refusal({ 'b/range': '*' }, catalog).detail).toBe(
      'you → b/range 1.0.0 wants a/x >=1.1; 1.1.0 would do but was yanked: "leaks"; an exact want, =1.1.0, still gets it.',
    );
  });

  it.each(['1.1.0', '=1.1.0'])('is taken for the exact pin %s, with a warning', (pin) => {
    expect(resolve(input({ 'a/x': pin }, catalog)).proxylets).toMatchObject([
      { version: '1.1.0', warning: 'yanked: leaks' },
    ]);
  });

  it('that a want pins may then be used by ranges', () => {
    expect(chosen({ 'a/x': '1.1.0', 'b/range': '*' }, catalog)['a/x']).toBe('1.1.0');
  });

  it('is taken for a dependency that pins it, and does not excuse ranges of others', () => {
    expect(chosen({ 'b/pin': '*' }, catalog)['a/x']).toBe('1.1.0');
    expect(refusal({ 'b/pin': '*', 'b/range': '*' }, catalog).obstacles).toMatchObject([
      { name: 'a/x', kind: 'yanked' },
    ]);
  });

  it('stays where it is installed and nothing else will do', () => {
    expect(chosen({ 'b/range': '*' }, catalog, here)['a/x']).toBe('1.1.0');
    expect(chosen({ 'a/x': '^1' }, catalog, here)['a/x']).toBe('1.0.0');
    expect(chosen({ 'a/x': '^1' }, catalog, { ...here, prefer: 'installed' })['a/x']).toBe('1.1.0');
  });
});

describe('what is installed', () => {
  const catalog = {
    'a/x': [candidate('1.0.0'), candidate('1.1.0', depends({ 'b/y': '^2' }))],
    'b/y': [candidate('1.0.0'), candidate('2.0.0'), candidate('2.1.0')],
  };
  const installed = [
    { name: 'a/x', version: '1.0.0' },
    { name: 'b/y', version: '2.0.0' },
  ];
  const keeping = { engine: { ...engine, installed }, prefer: 'installed' } as const;

  it('gives way to higher versions by default', () => {
    expect(chosen({ 'a/x': '*' }, catalog, { engine: keeping.engine })).toEqual({
      'a/x': '1.1.0',
      'b/y': '2.1.0',
    });
  });

  it('stays where that is preferred and it still fits', () => {
    expect(chosen({ 'a/x': '*' }, catalog, keeping)).toEqual({ 'a/x': '1.0.0' });
    expect(chosen({ 'a/x': '^1.1' }, catalog, keeping)).toEqual({ 'a/x': '1.1.0', 'b/y': '2.0.0' });
    expect(chosen({ 'a/x': '^1.1', 'b/y': '>2.0.0' }, catalog, keeping)).toEqual({
      'a/x': '1.1.0',
      'b/y': '2.1.0',
    });
  });

  it('is another thing where its bytes are others', () => {
    const other = installed.map((one) => Object.assign(one, { digest: `sha256:${'f'.repeat(64)}` as const }));
    expect(
      chosen({ 'b/y': '*' }, catalog, { ...keeping, engine: { ...engine, installed: other } })['b/y'],
    ).toBe('2.1.0');
  });
});

describe('a refusal', () => {
  it('names the chain of wants, for readers and for machines', () => {
    const catalog = {
      'demo/meters': [candidate('1.2.0', depends({ 'demo/geo': '^2' }))],
      'demo/geo': [candidate('1.4.0')],
    };
    const { detail, errors, obstacles } = refusal({}, catalog, {
      wants: [{ name: 'demo/meters', range: '^1', by: 'service demo/smart-grid 1.0.0', pointer: '/wants/3' }],
    });
    const sentence =
      'service demo/smart-grid 1.0.0 → demo/meters 1.2.0 wants demo/geo ^2, but no such version exists; the highest is 1.4.0';
    expect(detail).toBe(`${sentence}.`);
    expect(errors).toEqual([{ pointer: '/wants/3', detail: sentence }]);
    expect(obstacles).toEqual([
      {
        name: 'demo/geo',
        range: '^2',
        by: 'service demo/smart-grid 1.0.0 → demo/meters 1.2.0',
        kind: 'no-version',
        nearest: '1.4.0',
      },
    ]);
  });

  it('says what is missing, with the version that comes nearest', () => {
    expect(refusal({ 'a/x': '^1' }, {})).toMatchObject({
      detail: 'you want a/x ^1, which this catalog does not have.',
      obstacles: [{ kind: 'missing-name' }],
    });
    expect(refusal({ 'a/x': '^1' }, only({ runtime: { type: 'isolate', version: '^2' } }))).toMatchObject({
      detail: 'you want a/x ^1; 1.4.0 would do but needs runtime isolate ^2; this engine has 1.3.0, 3.0.0.',
      obstacles: [{ kind: 'runtime', nearest: '1.4.0' }],
    });
    expect(refusal({ 'a/x': '^1' }, only({ capabilities: ['kv', 'gpio@^3'] }))).toMatchObject({
      detail:
        'you want a/x ^1; 1.4.0 would do but needs gpio@^3, which this engine does not offer (it has gpio@2.1.0).',
      obstacles: [{ kind: 'capability', nearest: '1.4.0' }],
    });
  });

  it('sets the two sides of a conflict against each other', () => {
    const catalog = {
      'a/x': [candidate('1.0.0', depends({ 'c/z': '^1' }))],
      'b/y': [candidate('1.0.0', depends({ 'c/z': '^2' })), candidate('2.0.0', depends({ 'c/z': '^3' }))],
      'c/z': [candidate('1.0.0'), candidate('2.0.0'), candidate('3.0.0')],
    };
    const { detail, obstacles } = refusal({ 'a/x': '*', 'b/y': '*' }, catalog);
    expect(detail).toBe('you → a/x 1.0.0 wants c/z ^1, but you → b/y 2.0.0 wants c/z ^3.');
    expect(obstacles).toEqual([
      {
        name: 'c/z',
        range: '^1',
        by: 'you → a/x 1.0.0',
        kind: 'conflict',
        against: [{ by: 'you → b/y 2.0.0', range: '^3' }],
      },
    ]);
  });

  it('names the version that all but one would take, or that only the engine keeps from being taken', () => {
    const needs = (range: string) => [candidate('1.0.0', depends({ 'c/z': range }))];
    const users = { 'a/v': needs('<=2'), 'a/w': needs('1 || 3'), 'a/x': needs('>=2') };
    const wants = { 'a/v': '*', 'a/w': '*', 'a/x': '*' };
    const versions = [candidate('1.0.0'), candidate('2.0.0'), candidate('3.0.0')];
    expect(refusal(wants, { ...users, 'c/z': versions }).detail).toContain(
      '; 3.0.0 would do for all but you → a/v 1.0.0',
    );
    const blocked = {
      ...users,
      'a/v': needs('>=2'),
      'c/z': [candidate('1.0.0'), candidate('2.0.0'), candidate('3.0.0', { capabilities: ['lidar'] })],
    };
    expect(refusal(wants, blocked)).toMatchObject({
      detail: expect.stringContaining('3.0.0 would do for all but needs lidar'),
      obstacles: [{ name: 'c/z', kind: 'capability', nearest: '3.0.0' }],
    });
  });

  it('names every obstacle once, nearest to the wants first', () => {
    const catalog = {
      'a/x': [
        candidate('1.0.0', depends({ 'b/y': '*', 'b/none': '^1' })),
        candidate('2.0.0', depends({ 'b/y': '*', 'b/none': '^2' })),
      ],
      'b/y': [candidate('1.0.0', depends({ 'c/none': '*', 'b/none': '*' }))],
      'a/w': [candidate('1.0.0', { capabilities: ['lidar'] })],
    };
    const { detail, errors, obstacles } = refusal({ 'a/x': '*', 'a/w': '*' }, catalog);
    expect(obstacles.map(({ name }) => name).toSorted()).toEqual(['a/w', 'b/none', 'c/none']);
    expect(errors).toHaveLength(3);
    expect(detail).toMatch(/ There are 2 more obstacles\.$/);
  });

  it('names at most twenty', () => {
    const wants = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`a/n${i}`, '*']));
    expect(refusal(wants, {}).obstacles).toHaveLength(20);
  });

  it('keeps a sentence short, however much there is to say', () => {
    const capabilities = Array.from({ length: 50 }, (_, i) => `lidar-${i}`);
    expect(refusal({ 'a/x': '*' }, only({ capabilities })).detail).toContain(
      'lidar-3, lidar-4 and 45 more, which',
    );
    const long = `>=1.0.0-${'a'.repeat(200)}`;
    const users = Array.from(
      { length: 9 },
      (_, i) => [`a/${'u'.repeat(60)}${i}`, needing(i % 2 ? long : '<1')] as const,
    );
    const wants = Object.fromEntries(users.map(([name]) => [name, '*']));
    const { errors } = refusal(wants, {
      ...Object.fromEntries(users),
      'a/x': [candidate('0.1.0'), candidate('3.0.0')],
    });
    expect(Math.max(...(errors ?? []).map(({ detail }) => detail.length))).toBeLessThanOrEqual(2001);
  });

  it('shortens a long chain', () => {
    const names = Array.from({ length: 12 }, (_, i) => `a/n${i}`);
    const catalog = Object.fromEntries(
      names.map((name, i) => [name, [candidate('1.0.0', depends({ [`a/n${i + 1}`]: '*' }))]]),
    );
    expect(refusal({ 'a/n0': '*' }, catalog).detail).toBe(
      'you → a/n0 1.0.0 → … → a/n9 1.0.0 → a/n10 1.0.0 → a/n11 1.0.0 wants a/n12 *, which this catalog does not have.',
    );
  });
});
