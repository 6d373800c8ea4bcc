import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { asksForNothing, parseManifest, permissionsOf } from './manifest.js';
import { Problem, type ProblemFault } from './problem.js';

const minimal = { name: 'acme/thumb', version: '1.3.0', runtime: { type: 'isolate', version: '^1' } };

function faults(input: unknown): readonly ProblemFault[] {
  try {
    parseManifest(input);
  } catch (error) {
    if (error instanceof Problem && error.code === 'manifest-invalid') return error.errors ?? [];
    throw error;
  }
  return [];
}

describe('a manifest', () => {
  it('needs a name, a version and a runtime, and gets the rest', () => {
    expect(parseManifest(minimal)).toEqual({ ...minimal, main: 'dist/index.js', scope: 'user' });
    expect(asksForNothing(permissionsOf(parseManifest(minimal)))).toBe(true);
  });

  it('says what it asks for', () => {
    const manifest = parseManifest({
      ...minimal,
      capabilities: ['kv', 'gpio@^2'],
      fetch: ['https://api.example.com', 'https://*.tiles.org'],
      topics: { subscribe: ['meters.>'] },
      secrets: ['API_KEY'],
    });
    expect(permissionsOf(manifest)).toEqual({
      capabilities: ['kv', 'gpio@^2'],
      fetch: ['https://api.example.com', 'https://*.tiles.org'],
      topics: { subscribe: ['meters.>'], publish: [] },
      secrets: ['API_KEY'],
    });
  });

  it('names the nearest known key beside an unknown one', () => {
    expect(faults({ ...minimal, capabilites: [] })).toEqual([
      { pointer: '/capabilites', detail: 'is not a known key; did you mean capabilities?' },
    ]);
    expect(faults({ ...minimal, zzzzzzzzzz: 1 })[0]?.detail).toBe('is not a known key');
  });

  it.each([
    ['a foreign name', { name: 'thumb' }, '/name'],
    ['a version that is none', { version: '1' }, '/version'],
    ['an unknown runtime', { runtime: { type: 'docker', version: '*' } }, '/runtime/type'],
    ['a main outside the archive', { main: '../x.js' }, '/main'],
    ['an absolute main', { main: '/x.js' }, '/main'],
    ['a host with a path', { fetch: ['https://a.example/x'] }, '/fetch/0'],
    ['a wildcard in the middle', { fetch: ['https://a.*.example'] }, '/fetch/0'],
    ['a host of another scheme', { fetch: ['ftp://a.example'] }, '/fetch/0'],
    ['a dependency without a range', { dependencies: { 'acme/exif': 'nope' } }, '/dependencies/acme~1exif'],
    [
      'two dependencies of one binding',
      { dependencies: { 'a/exif': '*', 'b/exif': '*' } },
      '/dependencies/b~1exif',
    ],
    [
      'a dependency named as a binding of the engine',
      { dependencies: { 'a/kv': '*' } },
      '/dependencies/a~1kv',
    ],
    ['a limit of nothing', { limits: { memoryMb: 0 } }, '/limits/memoryMb'],
    ['an unknown limit', { limits: { disk: 1 } }, '/limits/disk'],
    ['a description of a megabyte', { description: 'x'.repeat(1e6) }, '/description'],
    ['a script as its homepage', { homepage: 'javascript:alert(1)' }, '/homepage'],
  ])('is refused with %s', (_, change, pointer) => {
    expect(faults({ ...minimal, ...change }).map((fault) => fault.pointer)).toContain(pointer);
  });

  it('survives any JSON, and keeps no foreign prototype', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(faults(value).length).toBeGreaterThan(0);
      }),
    );
    faults(JSON.parse('{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}'));
    expect(Reflect.get({}, 'polluted')).toBeUndefined();
  });
});
