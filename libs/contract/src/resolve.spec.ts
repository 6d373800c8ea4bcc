import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Problem } from './problem.js';
import { resolve, type ResolveInput } from './resolve.js';
import type { Candidate } from './resolve-versions.js';
import { satisfies } from './version.js';

const engine = {
  runtimes: [{ type: 'isolate', version: '1.0.0' }],
  capabilities: ['kv', 'gpio@2.1.0'],
  installed: [],
};

function candidate(version: string, change: Partial<Candidate> = {}): Candidate {
  return {
    version,
    digest: `sha256:${version.replaceAll('.', '').padStart(64, '0')}`,
    sizeBytes: 1,
    state: 'published',
    runtime: { type: 'isolate', version: '^1' },
    capabilities: [],
    dependencies: {},
    permissions: { capabilities: [], fetch: [], topics: { subscribe: [], publish: [] }, secrets: [] },
    ...change,
  };
}

function input(wants: Record<string, string>, catalog: Record<string, Candidate[]>): ResolveInput {
  return {
    engine,
    wants: Object.entries(wants).map(([name, range]) => ({ name, range, by: 'you' })),
    candidates: new Map(Object.entries(catalog)),
  };
}

function chosen(wants: Record<string, string>, catalog: Record<string, Candidate[]>): Record<string, string> {
  return Object.fromEntries(
    resolve(input(wants, catalog)).proxylets.map(({ name, version }) => [name, version]),
  );
}

function refusal(wants: Record<string, string>, catalog: Record<string, Candidate[]>): string {
  try {
    resolve(input(wants, catalog));
  } catch (error) {
    if (error instanceof Problem && error.code === 'unresolvable') return error.detail;
    throw error;
  }
  throw new Error('a refusal was expected');
}

describe('resolution', () => {
  it('takes the highest version in range', () => {
    expect(
      chosen({ 'a/x': '^1' }, { 'a/x': [candidate('1.2.0'), candidate('1.10.0'), candidate('2.0.0')] }),
    ).toEqual({
      'a/x': '1.10.0',
    });
  });

  it('brings dependencies along, before those that need them, with the reason', () => {
    const { proxylets } = resolve(
      input(
        { 'a/x': '*' },
        { 'a/x': [candidate('1.0.0', { dependencies: { 'b/y': '^2' } })], 'b/y': [candidate('2.1.0')] },
      ),
    );
    expect(proxylets.map(({ name }) => name)).toEqual(['b/y', 'a/x']);
    expect(proxylets[0]?.because).toEqual(['a/x 1.0.0 wants ^2']);
    expect(proxylets[1]?.dependencies).toEqual({ 'b/y': '2.1.0' });
  });

  it('goes back on a choice when its dependency fits nobody', () => {
    const catalog = {
      'a/x': [
        candidate('1.0.0', { dependencies: { 'b/y': '^1' } }),
        candidate('2.0.0', { dependencies: { 'b/y': '^2' } }),
      ],
      'b/y': [candidate('1.5.0')],
    };
    expect(chosen({ 'a/x': '*' }, catalog)).toEqual({ 'a/x': '1.0.0', 'b/y': '1.5.0' });
  });

  it('passes over yanked versions and warns of deprecated ones', () => {
    const catalog = {
      'a/x': [
        candidate('1.1.0', { state: 'yanked' }),
        candidate('1.0.0', { state: 'deprecated', stateReason: 'use b/y' }),
      ],
    };
    expect(resolve(input({ 'a/x': '^1' }, catalog)).proxylets[0]).toMatchObject({
      version: '1.0.0',
      warning: 'use b/y',
    });
  });

  it('lets a circle of dependencies be', () => {
    const catalog = {
      'a/x': [candidate('1.0.0', { dependencies: { 'b/y': '*' } })],
      'b/y': [candidate('1.0.0', { dependencies: { 'a/x': '*' } })],
    };
    expect(Object.keys(chosen({ 'a/x': '*' }, catalog)).toSorted()).toEqual(['a/x', 'b/y']);
  });

  it('says which want met which obstacle', () => {
    expect(refusal({ 'a/x': '^1' }, {})).toBe('you want a/x ^1, which this catalog does not have.');
    expect(refusal({ 'a/x': '^2' }, { 'a/x': [candidate('1.4.0')] })).toContain(
      'no such version exists; the highest is 1.4.0',
    );
    expect(
      refusal(
        { 'a/x': '^1' },
        { 'a/x': [candidate('1.4.0', { runtime: { type: 'isolate', version: '^2' } })] },
      ),
    ).toContain('1.4.0 would do but needs runtime isolate ^2; this engine has 1.0.0');
    expect(
      refusal({ 'a/x': '^1' }, { 'a/x': [candidate('1.0.0', { capabilities: ['gpio@^3'] })] }),
    ).toContain('needs gpio@^3, which this engine does not offer');
    expect(
      refusal({ 'a/x': '^1' }, { 'a/x': [candidate('1.0.0', { state: 'yanked', stateReason: 'leaks' })] }),
    ).toContain('was yanked: "leaks"');
  });

  it('answers a hostile graph in bounded time', () => {
    const names = Array.from({ length: 12 }, (_, index) => `a/n${index}`);
    const catalog = Object.fromEntries(
      names.map((name, index) => [
        name,
        Array.from({ length: 30 }, (_, version) =>
          candidate(`1.${version}.0`, {
            dependencies: index + 1 < names.length ? { [names[index + 1] ?? '']: '*' } : { 'a/none': '*' },
          }),
        ),
      ]),
    );
    expect(refusal({ 'a/n0': '*' }, catalog)).toMatch(/entangled|does not have/);
  });

  it('agrees with trying every set, on small graphs', () => {
    const names = ['a/a', 'a/b', 'a/c'] as const;
    const range = fc.constantFrom('*', '1.0.0', '2.0.0', '>=2', '<2');
    const versions = fc.array(
      fc.record({
        version: fc.constantFrom('1.0.0', '2.0.0', '3.0.0'),
        dependencies: fc.dictionary(fc.constantFrom(...names), range, { maxKeys: 2 }),
      }),
      { maxLength: 3 },
    );
    fc.assert(
      fc.property(fc.tuple(versions, versions, versions), range, (lists, wanted) => {
        const catalog = Object.fromEntries(
          names.map((name, index) => [
            name,
            (lists[index] ?? []).map(({ version, dependencies }) => candidate(version, { dependencies })),
          ]),
        );
        const wants = { 'a/a': wanted };
        const isPossible = everySet(names, catalog).some((set) => isSolution(set, wants));
        let found: Record<string, string> | undefined;
        try {
          found = chosen(wants, catalog);
        } catch (error) {
          expect(error).toBeInstanceOf(Problem);
        }
        expect(found !== undefined).toBe(isPossible);
      }),
      { numRuns: 500 },
    );
  });
});

type Choice = Map<string, Candidate>;

function everySet(names: readonly string[], catalog: Record<string, Candidate[]>): Choice[] {
  return names.reduce<Choice[]>(
    (sets, name) =>
      sets.flatMap((set) => [set, ...(catalog[name] ?? []).map((one) => new Map(set).set(name, one))]),
    [new Map()],
  );
}

function isSolution(set: Choice, wants: Record<string, string>): boolean {
  const needs = [
    ...Object.entries(wants),
    ...[...set.values()].flatMap((one) => Object.entries(one.dependencies)),
  ];
  return needs.every(([name, range]) => {
    const version = set.get(name)?.version;
    return version !== undefined && satisfies(version, range);
  });
}
