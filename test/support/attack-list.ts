import type { Attack } from './attacks.js';

/** A CPU limit that takes a moment to break; on a busy machine no other limit may come first. */
export const cpuAttackLimits = { memoryMb: 32, cpuMs: 250, timeoutMs: 20_000 };
/** The same for what fills memory. */
const memoryAttackLimits = { memoryMb: 32, cpuMs: 5000, timeoutMs: 20_000 };
/** The same for what only waits. */
const idleAttackLimits = { memoryMb: 32, cpuMs: 5000, timeoutMs: 4000 };

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

/** One-line killers and their kin: each breaks one limit, or tries to. */
export const attacks: readonly Attack[] = [...cpuAttacks, ...memoryAttacks];

/** Limits of its manifest. */
export function limitsOf(attack: Attack): object {
  return attack.limits ?? (memoryAttacks.includes(attack) ? memoryAttackLimits : cpuAttackLimits);
}
