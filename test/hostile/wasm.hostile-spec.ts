import { childrenOf } from '@proxylet/testing';
import { expect, it } from 'vitest';
import { type Attack, attackSource } from '../support/attacks.js';
import { expectProblem } from '../support/problem.js';
import { hello } from '../support/sources.js';
import { useStack } from '../support/use-stack.js';
import { Watch } from '../support/watch.js';

/** `loop()`, `recurse()` and `grow()`, with a memory of one page and no maximum: header, types, functions, memory, exports, code. */
const module = [
  [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
  [0x01, 0x08, 0x02, 0x60, 0x00, 0x00, 0x60, 0x00, 0x01, 0x7f],
  [0x03, 0x04, 0x03, 0x00, 0x00, 0x01],
  [0x05, 0x03, 0x01, 0x00, 0x01],
  [0x07, 0x19, 0x03, 0x04, 0x6c, 0x6f, 0x6f, 0x70, 0x00, 0x00],
  [0x07, 0x72, 0x65, 0x63, 0x75, 0x72, 0x73, 0x65, 0x00, 0x01, 0x04, 0x67, 0x72, 0x6f, 0x77, 0x00, 0x02],
  [0x0a, 0x16, 0x03, 0x07, 0x00, 0x03, 0x40, 0x0c, 0x00, 0x0b, 0x0b],
  [0x04, 0x00, 0x10, 0x01, 0x0b, 0x07, 0x00, 0x41, 0xe4, 0x00, 0x40, 0x00, 0x0b],
].flat();
const start = `const module = new WebAssembly.Module(new Uint8Array(${JSON.stringify(module)}));
const make = () => new WebAssembly.Instance(module).exports;`;

const attacks: readonly Attack[] = [
  { name: 'wasm-endless-loop', code: 'make().loop();', answers: ['cpu-limit'] },
  { name: 'wasm-recursion', code: 'make().recurse();', answers: ['proxylet-threw'] },
  {
    name: 'wasm-40-memories',
    code: `const all = [];
    for (let i = 0; i < 40; i += 1) {
      const memory = new WebAssembly.Memory({ initial: 256 });
      new Uint8Array(memory.buffer).fill(1);
      all.push(memory);
    }`,
    answers: ['proxylet-threw'],
  },
  {
    name: 'wasm-growing-memory',
    code: `const memory = new WebAssembly.Memory({ initial: 1 });
    for (;;) memory.grow(64);`,
    answers: ['proxylet-threw'],
  },
  {
    name: 'wasm-unseen-growth',
    code: `const all = [];
    for (let i = 0; i < 250; i += 1) {
      const { grow } = make();
      while (grow() >= 0);
      all.push(grow);
    }
    for (;;);`,
    answers: ['cpu-limit', 'memory-limit'],
  },
  {
    name: 'wasm-growing-table',
    code: `const all = [];
    for (;;) {
      const table = new WebAssembly.Table({ initial: 0, element: 'externref' });
      for (let size = 0; size < 1e6; size += 1e5) table.grow(1e5, all);
      all.push(table);
    }`,
    answers: ['memory-limit', 'cpu-limit', 'proxylet-threw'],
  },
];

const suite = useStack({}, async (stack) => {
  await stack.deploy('bob', { name: 'calm/hello', source: hello });
});

it.each(attacks)('$name', async (attack) => {
  const { stack } = suite;
  const { pid } = stack.engine;
  const name = `hostile/${attack.name}`;
  await stack.deploy('alice', {
    name,
    source: `${start}\n${attackSource(attack)}`,
    manifest: { capabilities: ['wasm'], limits: { memoryMb: 32, cpuMs: 1000, timeoutMs: 20_000 } },
  });
  const watch = new Watch(stack, 'bob', 'calm/hello');
  await expectProblem(await stack.run('alice', name, '/attack'), ...attack.answers);
  const { failures, calls } = await watch.stop();
  expect(failures).toEqual([]);
  expect(calls).toBeGreaterThan(0);
  expect(await (await stack.run('alice', name, '/calm')).text()).toBe('calm');
  expect(stack.engine.pid).toBe(pid);
  expect(childrenOf(pid).length).toBeGreaterThan(0);
});
