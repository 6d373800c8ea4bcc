import type { Digest } from '@proxylet/contract';
import { describe, expect, it } from 'vitest';
import { SourceMaps } from './source-maps.js';

const digest: Digest = 'sha256:1';
const filename = 'acme/thumb@1.0.0/dist/index.js';
const json = JSON.stringify({ version: 3, sources: ['../src/a.ts'], names: [], mappings: 'AAAA;EACC,GAAG' });

async function loaded(read: () => Promise<string | undefined>, now?: () => number): Promise<SourceMaps> {
  const maps = new SourceMaps(read, now);
  await maps.load(digest);
  return maps;
}

describe('a stack trace', () => {
  const trace = [
    'Uncaught Error: no picture at file:///acme/thumb@1.0.0/dist/index.js:2:6',
    '    at load (file:///acme/thumb@1.0.0/dist/index.js:2:6)',
    '    at file:///acme/thumb@1.0.0/dist/index.js:1:1',
    '    at other (file:///acme/other@1.0.0/dist/index.js:1:1)',
    '    at vd (file:///proxylet/prelude.js:28:392)',
    '    at of a publisher (file:///proxylet/tool@1.0.0/index.js:1:1)',
  ].join('\n');

  it('is led back to the source, without frames of the platform', async () => {
    const maps = await loaded(() => Promise.resolve(json));
    expect(maps.translate(digest, filename, trace).split('\n')).toEqual([
      'Uncaught Error: no picture at file:///acme/thumb@1.0.0/dist/index.js:2:6',
      '    at load (src/a.ts:2:5)',
      '    at src/a.ts:1:1',
      '    at other (file:///acme/other@1.0.0/dist/index.js:1:1)',
      '    at of a publisher (file:///proxylet/tool@1.0.0/index.js:1:1)',
    ]);
  });

  it.each([
    ['no map', () => Promise.resolve(undefined)],
    ['a map that is none', () => Promise.resolve('[]')],
    ['an archive that cannot be read', () => Promise.reject(new Error('gone'))],
  ])('of a version with %s stays as it is', async (_, read) => {
    const maps = await loaded(read);
    expect(maps.isLoaded(digest)).toBe(true);
    expect(maps.translate(digest, filename, trace)).toContain(
      'load (file:///acme/thumb@1.0.0/dist/index.js:2:6)',
    );
  });

  it('stays as it is once maps have cost enough of a second', async () => {
    let nowMs = 0;
    // Each look at the clock takes 20 ms: reading the map and each translation take as long.
    const maps = await loaded(
      () => Promise.resolve(json),
      () => {
        nowMs += 20;
        return nowMs;
      },
    );
    const shown = Array.from({ length: 5 }, () =>
      maps.translate(digest, filename, trace).includes('src/a.ts:2:5'),
    );
    expect(shown).toContain(true);
    expect(shown).toContain(false);
    nowMs = 5000;
    expect(maps.translate(digest, filename, trace)).toContain('src/a.ts:2:5');
  });
});
