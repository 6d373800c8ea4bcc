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
  'const data = await Promise.resolve(1); export default { data, ...data };',
  'export default { ["fe" + "tch"]() {} };',
  'export default { "scheduled"() {} };',
  'export default app(); function app() { return {}; }',
];

const refused: readonly (readonly [string, string])[] = [
  ['', 'no default export'],
  ['export const a = 1;', 'no default export'],
  ['module.exports = {};', 'no default export'],
  ['import fs from "node:fs"; export default { fetch() {} };', 'imports "node:fs"'],
  ['export default { fetch() {} };\n  import "./side.js";', ':2:3)'],
  ['export { default } from "./other.js";', 'imports "./other.js"'],
  ['export * from "x"; export default { fetch() {} };', 'imports "x"'],
  ['const x = await import("x"); export default x;', 'while it starts'],
  ['class A { static x = import("x"); } export default A;', 'while it starts'],
  ['export default {\n  a b\n};', ':2:5)'],
  ['export default {};', 'no handler in its default export'],
  ['\nexport default { hello() {} };', ':2:16)'],
  ['export default 7;', 'exports a plain value'],
  ['export default [];', 'exports a list'],
  ['export default () => {};', 'exports an arrow function'],
  ['export default { async fetch() { await import("node:fs"); } };', 'imports "node:fs"'],
  ['export default x; return 2;', 'does not parse'],
  ['with (a) {} export default a;', 'does not parse'],
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

const handler = 'export default { fetch() {} };';

describe('the warnings of checkMain', () => {
  it('name what the sandbox lacks, where it is used first', () => {
    const source = `const a = process.env.A;\n  Buffer.from(a); process.exit();\nnew Function('x');\neval(a);\n${handler}`;
    expect(checkMain(source, 'a.js')).toEqual([
      expect.objectContaining({ rule: 'missing-api', line: 1, column: 11 }),
      expect.objectContaining({ detail: expect.stringMatching(/^Buffer is of Node/), line: 2, column: 3 }),
      expect.objectContaining({ detail: expect.stringMatching(/^Function is refused/), line: 3, column: 5 }),
      expect.objectContaining({ detail: expect.stringMatching(/^eval is refused/), line: 4, column: 1 }),
    ]);
  });

  it.each([
    'require("fs")',
    'new XMLHttpRequest()',
    'WebAssembly.compile(new Uint8Array())',
    'globalThis.process',
    'const f = ({ a = Buffer } = {}) => a',
    'class A extends Worker {}',
    'const o = { process }',
    'import("late")',
  ])('%s', (use) => {
    const source = `export default { fetch() { ${use}; } };`;
    expect(checkMain(source, 'a.js')).toHaveLength(1);
  });

  it.each([
    'const o = { process: 1, Buffer() {} }; o.process; o?.eval',
    'if (typeof process !== "undefined") process.exit()',
    'const Buffer = from(); Buffer.of(1)',
    'const f = (require, { eval: Worker }, [document], ...global) => require(document, global, Worker)',
    'try { f() } catch (process) { process() }',
    'x instanceof Function',
    'process: for (;;) break process',
    'class A { process = 1; eval() {} }',
    '"process.env"; `Buffer`; /eval/',
  ])('are none for %s', (use) => {
    expect(checkMain(`${use};\n${handler}`, 'a.js')).toEqual([]);
  });
});

it('tells of WebAssembly only where the manifest does not ask for it', async () => {
  const source = `const ready = WebAssembly.compile(bytes);\n${handler}`;
  expect(checkMain(source, 'a.js')).toHaveLength(1);
  expect(checkMain(source, 'a.js', ['kv', 'wasm@^1'])).toEqual([]);
  const checker = new MainChecker();
  expect(await checker.check(`${source}/*${'x'.repeat(50_000)}*/`, 'a.js', ['wasm'])).toEqual([]);
  await checker.close();
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
      checker.check(`${filler} export default { fetch() {} };`, 'a.js'),
      checker.check(`${filler} export const x = 1;`, 'b.js'),
      checker.check(`export default { fetch() {} }; ${filler}`, 'c.js'),
    ]);
    await checker.close();
    await checker.close();
    expect(answers[1]).toMatchObject({ reason: { detail: expect.stringContaining('no default export') } });
    expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  });

  it('gives up on a module made to be slow, and goes on with the next', async () => {
    const checker = new MainChecker(2000);
    const names = Array.from({ length: 400_000 }, (_, index) => `a${index}`).join(',');
    await expect(checker.check(`let ${names}; export default a1;`, 'slow.js')).rejects.toThrow('too long');
    const filler = `/*${'x'.repeat(50_000)}*/`;
    await expect(checker.check(`${filler} export default { fetch() {} };`, 'good.js')).resolves.toEqual([]);
    await checker.close();
  });
});
