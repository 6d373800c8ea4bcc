import { childrenOf, cpuTimeMs, until } from '@proxylet/testing';
import { describe, expect, it } from 'vitest';
import {
  type Attack,
  attackSource,
  cpuAttackLimits,
  idleAttackLimits,
  memoryAttackLimits,
} from '../support/attacks.js';
import { expectProblem } from '../support/problem.js';
import { hello } from '../support/sources.js';
import { useStack } from '../support/use-stack.js';
import { Watch } from '../support/watch.js';

const cpuAttacks: readonly Attack[] = [
  { name: 'endless-loop', code: 'for (;;);', answers: ['cpu-limit'] },
  { name: 'endless-loop-after-await', code: 'await null; for (;;);', answers: ['cpu-limit'] },
  {
    name: 'endless-loop-after-timer',
    code: 'await new Promise((resolve) => setTimeout(resolve, 5)); for (;;);',
    answers: ['cpu-limit'],
  },
  {
    name: 'endless-loop-after-kv',
    code: "await env.KV.get('x'); for (;;);",
    answers: ['cpu-limit'],
  },
  { name: 'microtask-flood', code: 'for (;;) await null;', answers: ['cpu-limit'] },
  {
    name: 'promise-flood',
    code: 'const kept = []; for (;;) kept.push(Promise.resolve().then(() => kept.length));',
    answers: ['cpu-limit', 'memory-limit'],
  },
  { name: 'regex-backtracking', code: "/^(a+)+$/.test('a'.repeat(64) + 'b');", answers: ['cpu-limit'] },
  { name: 'sort-comparator', code: '[3, 2, 1].sort(() => { for (;;); });', answers: ['cpu-limit'] },
  {
    name: 'uninterruptible-built-in',
    code: 'Array.prototype.indexOf.call({ length: 2 ** 53 - 1 }, 1);',
    answers: ['cpu-limit'],
  },
  {
    name: 'big-number-squaring',
    code: 'let n = 3n ** 1000000n; for (;;) n *= n;',
    answers: ['cpu-limit', 'memory-limit', 'proxylet-threw'],
  },
  {
    name: 'looping-message-getter',
    code: "throw Object.defineProperty(new Error('x'), 'message', { get() { for (;;); } });",
    answers: ['cpu-limit', 'proxylet-threw'],
  },
  {
    name: 'never-answers',
    code: 'return new Promise(() => undefined);',
    answers: ['time-limit'],
    limits: idleAttackLimits,
  },
  { name: 'stack-overflow', code: 'const f = () => f() + 1; f();', answers: ['proxylet-threw'] },
];

const memoryAttacks: readonly Attack[] = [
  {
    name: 'array-growth',
    code: 'const kept = []; for (;;) kept.push(new Array(1e8).fill(1));',
    answers: ['memory-limit'],
  },
  {
    name: 'array-growth-unfilled',
    code: 'const kept = []; for (;;) kept.push(new Array(1e8));',
    answers: ['memory-limit'],
  },
  {
    name: 'growing-map',
    code: 'const map = new Map(); for (let i = 0; ; i += 1) map.set(i, i);',
    answers: ['memory-limit'],
  },
  {
    name: 'growing-object',
    code: "const all = {}; for (let i = 0; ; i += 1) all['key' + i] = i;",
    answers: ['memory-limit'],
  },
  {
    name: 'doubled-string',
    code: "let s = 'x'; for (;;) { s += s; s.charCodeAt(s.length - 1); }",
    answers: ['memory-limit', 'proxylet-threw'],
  },
  {
    name: 'array-buffers',
    code: 'const kept = []; for (;;) kept.push(new Uint8Array(16 * 1024 * 1024).fill(1));',
    answers: ['memory-limit', 'proxylet-threw'],
  },
  {
    name: 'resizable-buffer',
    code: 'const b = new ArrayBuffer(8, { maxByteLength: 2 ** 31 }); b.resize(2 ** 30); new Uint8Array(b).fill(1); return Response.json(b.byteLength);',
    answers: ['memory-limit', 'proxylet-threw'],
  },
  {
    name: 'webassembly-memory',
    code: 'const kept = []; for (;;) kept.push(new WebAssembly.Memory({ initial: 16384 }));',
    answers: ['proxylet-threw'],
  },
];

const attacks = [...cpuAttacks, ...memoryAttacks];

function limitsOf(attack: Attack): object {
  return attack.limits ?? (memoryAttacks.includes(attack) ? memoryAttackLimits : cpuAttackLimits);
}

const suite = useStack({}, async (stack) => {
  await stack.deploy('bob', { name: 'good/hello', source: hello });
  for (const attack of attacks) {
    await stack.deploy('alice', {
      name: `evil/${attack.name}`,
      source: attackSource(attack),
      manifest: {
        limits: limitsOf(attack),
        capabilities: ['kv'],
      },
    });
  }
});

describe('while a proxylet of another namespace is called all the time', () => {
  it.each(attacks)(
    '$name gets a clear answer, harms nobody, and works again within 2 s',
    async ({ name, answers }) => {
      const { stack } = suite;
      const enginePid = stack.engine.pid;
      const watch = new Watch(stack, 'bob', 'good/hello');
      try {
        await expectProblem(await stack.run('alice', `evil/${name}`, '/attack'), ...answers);
        const endMs = performance.now() + 2000;
        const calm = await stack.run('alice', `evil/${name}`, '/calm', { signal: AbortSignal.timeout(2000) });
        expect(await calm.text()).toBe('calm');
        expect(performance.now()).toBeLessThan(endMs);
      } finally {
        await watch.stop();
      }
      expect(watch.calls).toBeGreaterThan(0);
      expect(watch.failures).toEqual([]);
      expect(stack.engine.pid).toBe(enginePid);
    },
  );

  it('all attacks at once change nothing of that', async () => {
    const { stack } = suite;
    const enginePid = stack.engine.pid;
    const watch = new Watch(stack, 'bob', 'good/hello');
    const answers = await Promise.all(
      attacks.map(({ name }) => stack.run('alice', `evil/${name}`, '/attack')),
    );
    for (const answer of answers)
      expect((await expectProblem(answer, ...every, 'runner-lost')).detail).not.toBe('');
    const calm = await Promise.all(attacks.map(({ name }) => stack.run('alice', `evil/${name}`, '/calm')));
    for (const answer of calm) expect(await answer.text()).toBe('calm');
    await watch.stop();
    expect(watch.failures).toEqual([]);
    expect(stack.engine.pid).toBe(enginePid);
  });
});

const every = [...new Set(attacks.flatMap(({ answers }) => answers))];

describe('after the attacks', () => {
  it('nothing of them goes on: the engine and its runners come to rest', async () => {
    const { pid } = suite.stack.engine;
    const busyMs = (): number =>
      [pid, ...childrenOf(pid)].reduce((sum, process) => sum + (cpuTimeMs(process) ?? 0), 0);
    await until(
      async () => {
        const before = busyMs();
        await new Promise((resolve) => {
          setTimeout(resolve, 400);
        });
        return busyMs() - before < 100;
      },
      { what: 'the engine and its runners use less than a quarter of a core' },
    );
  });
});
