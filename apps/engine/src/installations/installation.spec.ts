import { parseManifest } from '@proxylet/contract';
import { expect, test } from 'vitest';
import { dependentsOf, type Installation, removedAlong } from './installation.js';

function one(name: string, needs: string[] = [], more: Partial<Installation> = {}): Installation {
  const manifest = parseManifest({
    name,
    version: '1.0.0',
    runtime: { type: 'isolate', version: '^1' },
    dependencies: Object.fromEntries(needs.map((need) => [need, '*'])),
  });
  return { name, manifest, isDirect: false, services: [], ...more } as unknown as Installation;
}

const direct = { isDirect: true };

test('knows who needs a proxylet', () => {
  const all = [one('a/app', ['a/lib'], direct), one('a/lib', ['a/core']), one('a/core')];
  expect(dependentsOf('a/lib', all)).toEqual(['a/app']);
  expect(dependentsOf('a/app', all)).toEqual([]);
});

test('takes along what came for the removed one alone, all the way down', () => {
  const all = [one('a/app', ['a/lib'], direct), one('a/lib', ['a/core']), one('a/core')];
  expect(removedAlong('a/app', all).map(({ name }) => name)).toEqual(['a/lib', 'a/core']);
});

test('leaves what somebody else still needs or asked for', () => {
  const all = [
    one('a/app', ['a/lib', 'a/own', 'a/serviced'], direct),
    one('a/other', ['a/lib'], direct),
    one('a/lib'),
    one('a/own', [], direct),
    one('a/serviced', [], { services: ['a/suite'] }),
  ];
  expect(removedAlong('a/app', all)).toEqual([]);
});

test('takes along a circle of dependencies', () => {
  const all = [one('a/app', ['a/x'], direct), one('a/x', ['a/y']), one('a/y', ['a/x'])];
  expect(removedAlong('a/app', all)).toHaveLength(2);
});
