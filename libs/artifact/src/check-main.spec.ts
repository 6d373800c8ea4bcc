// The built one: a thread needs its file.
import { MainChecker } from '../dist/main-checker.js';
import { describe, expect, it } from 'vitest';
import { checkMain } from './check-main.js';

const accepted: readonly string[] = [
  'export default { async fetch() { return new Response("x"); } };',
  'const h = {}; export { h as default };',
  'const h = {}; export { h as "default" };',
  'export default function () {}',
  'export const version = 1; export default class { static { this.x = 1; } }',
  'export default { async fetch() { return import("late"); } }; const f = () => import("late");',
  'const data = await Promise.resolve(1); export default { data };',
];

const refused: readonly (readonly [string, string])[] = [
  ['', 'no default export'],
  ['export const a = 1;', 'no default export'],
  ['module.exports = {};', 'no default export'],
  ['import fs from "node:fs"; export default {};', 'imports "node:fs"'],
  ['export default {};\n  import "./side.js";', ':2:3)'],
  ['export { default } from "./other.js";', 'imports "./other.js"'],
  ['export * from "x"; export default {};', 'imports "x"'],
  ['const x = await import("x"); export default x;', 'while it starts'],
  ['class A { static x = import("x"); } export default A;', 'while it starts'],
  ['export default {\n  a b\n};', ':2:5)'],
  ['export default 1; return 2;', 'does not parse'],
  ['with (a) {} export default 1;', 'does not parse'],
  ['export default <div/>;', 'does not parse'],
  ['export default (x: number) => x;', 'does not parse'],
];

describe('checkMain', () => {
  it.each(accepted)('takes %s', (source) => {
    expect(() => checkMain(source, 'dist/index.js')).not.toThrow();
  });

  it.each(refused)('refuses %.80s', (source, why) => {
    expect(() => checkMain(source, 'dist/index.js')).toThrow(why);
    expect(() => checkMain(source, 'dist/index.js')).toThrow(
      expect.objectContaining({ code: 'main-invalid' }),
    );
  });
});

it('refuses a module nested deeper than the stack', () => {
  expect(() => checkMain(`export default ${'['.repeat(8000)}`, 'a.js')).toThrow(
    /nested too deep|does not parse/,
  );
});

describe('MainChecker', () => {
  it('answers large modules from its thread, in turn', async () => {
    const checker = new MainChecker();
    const filler = `/*${'x'.repeat(50_000)}*/`;
    const answers = await Promise.allSettled([
      checker.check(`${filler} export default {};`, 'a.js'),
      checker.check(`${filler} export const x = 1;`, 'b.js'),
      checker.check(`export default {}; ${filler}`, 'c.js'),
    ]);
    await checker.close();
    await checker.close();
    expect(answers[1]).toMatchObject({ reason: { detail: expect.stringContaining('no default export') } });
    expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  });

  it('gives up on a module made to be slow, and goes on with the next', async () => {
    const checker = new MainChecker(300);
    const names = Array.from({ length: 400_000 }, (_, index) => `a${index}`).join(',');
    await expect(checker.check(`let ${names}; export default 1;`, 'slow.js')).rejects.toThrow('too long');
    const filler = `/*${'x'.repeat(50_000)}*/`;
    await expect(checker.check(`${filler} export default {};`, 'good.js')).resolves.toBeUndefined();
    await checker.close();
  });
});
