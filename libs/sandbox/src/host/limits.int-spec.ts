import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SandboxFixture } from '../../test/sandbox-fixture.js';

/**
 * Guest code that breaks limits (the table of one-line killers): what the caller hears, that a neighbour in another
 * group answers all through, and that the same group answers again.
 */
const attacks: readonly [attack: string, body: string, codes: readonly string[]][] = [
  ['loops for ever', 'for (;;);', ['cpu-limit']],
  ['loops after an await', 'await env.KV.delete("x"); for (;;);', ['cpu-limit']],
  [
    'loops in a microtask',
    'queueMicrotask(() => { for (;;); }); await new Promise(() => {});',
    ['cpu-limit'],
  ],
  [
    'floods microtasks',
    'const again = () => Promise.resolve().then(again); await again();',
    ['cpu-limit', 'memory-limit'],
  ],
  ['loops in a timer', 'await new Promise(() => setTimeout(() => { for (;;); }, 1))', ['cpu-limit']],
  ['loops in the getter of a thrown error', 'throw { get message() { for (;;); } }', ['cpu-limit']],
  [
    'loops in the status of a look-alike response',
    'return Object.create(Response.prototype, { status: { get() { for (;;); } } })',
    ['cpu-limit', 'proxylet-threw', 'proxylet-bad-response'],
  ],
  ['backtracks in a regular expression', `/(a+)+$/.test('a'.repeat(50) + 'b')`, ['cpu-limit']],
  ['sorts with a comparator that never ends', '[1, 2, 3].sort(() => { for (;;); })', ['cpu-limit']],
  ['searches 2^53 elements', 'Array.prototype.indexOf.call({ length: 2 ** 53 - 1 }, 1)', ['cpu-limit']],
  ['computes a giant number', '(2n ** (2n ** 27n)).toString()', ['cpu-limit', 'memory-limit', 'runner-lost']],
  ['fills arrays', 'const all = []; for (;;) all.push(new Array(1e8).fill(1));', ['memory-limit']],
  ['grows a Map', 'const map = new Map(); for (let i = 0; ; i += 1) map.set(i, { i });', ['memory-limit']],
  ['grows an object', 'const o = {}; for (let i = 0; ; i += 1) o["k" + i] = i;', ['memory-limit']],
  [
    'doubles a string',
    'let s = "x"; for (;;) { s += s; s.charCodeAt(s.length - 1); }',
    ['memory-limit', 'proxylet-threw'],
  ],
  [
    'allocates buffers',
    'const all = []; for (;;) all.push(new Uint8Array(1e7).fill(1));',
    ['memory-limit', 'proxylet-threw'],
  ],
  [
    'asks for a resizable buffer',
    'const b = new ArrayBuffer(8, { maxByteLength: 2 ** 30 }); b.resize(2 ** 30)',
    ['proxylet-threw'],
  ],
  ['asks for WebAssembly memory', 'new WebAssembly.Memory({ initial: 16384 })', ['proxylet-threw']],
  ['throws an error of 500 MB', `throw new Error('x'.repeat(5e8))`, ['memory-limit', 'proxylet-threw']],
  [
    'answers with 100 KB of headers',
    `return new Response('', { headers: { a: 'x'.repeat(1e5) } })`,
    ['header-limit'],
  ],
  ['answers with more than it may', 'return new Response(new Uint8Array(9e6))', ['response-too-large']],
  [
    'streams more than it may',
    'return new Response(new ReadableStream({ pull(c) { c.enqueue(new Uint8Array(65536)) } }))',
    ['response-too-large'],
  ],
  [
    'starts ten thousand timers',
    'for (let i = 0; i < 10_000; i += 1) setTimeout(() => {}, 1e6)',
    ['timer-limit'],
  ],
  [
    'starts ten thousand operations',
    'for (let i = 0; i < 10_000; i += 1) void env.KV.get("k").catch(() => {}); await env.KV.get("k")',
    ['operation-limit'],
  ],
  ['recurses for ever', 'const f = () => f(); f()', ['proxylet-threw']],
  [
    'parses a million nested arrays',
    `JSON.parse('['.repeat(1e6))`,
    ['proxylet-threw', 'memory-limit', 'runner-lost'],
  ],
];

/**
 * On a busy machine no other limit may come first: an entry's CPU budget is kept by the clock, and the time limit may
 * come before a runner that gets little of the CPU is known to be stuck.
 */
function limitsFor(codes: readonly string[]): { cpuMs: number; timeoutMs: number } {
  return { cpuMs: codes[0] === 'cpu-limit' ? 200 : 3000, timeoutMs: 45_000 };
}

function after(ms: number): Promise<false> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms, false);
  });
}

describe('limits hold when a guest', () => {
  let sut: SandboxFixture;
  beforeAll(async () => {
    sut = await SandboxFixture.start();
  });
  afterAll(() => sut[Symbol.asyncDispose]());

  it.each(attacks)('%s', async (attack, body, codes) => {
    const group = `attacker of ${attack}`;
    const neighbour = sut.handler(`return new Response('well')`, { group: 'neighbour' });
    expect((await sut.call(neighbour)).text).toBe('well');

    const attacked = sut.problem(sut.handler(body, { group, limits: limitsFor(codes) }));
    const ended = attacked.then(
      () => true,
      () => true,
    );
    let answered = 0;
    do {
      expect((await sut.call(neighbour)).text).toBe('well');
      answered += 1;
    } while (!(await Promise.race([ended, after(5)])));
    expect(codes).toContain((await attacked).code);
    expect(answered).toBeGreaterThan(0);
    expect((await sut.call(sut.handler(`return new Response('again')`, { group }))).text).toBe('again');
  });

  it('keeps at most 64 KB of log for a call', async () => {
    sut.logs.length = 0;
    await sut.text(
      `for (let i = 0; i < 20_000; i += 1) console.log('x'.repeat(1000)); return new Response()`,
    );
    const chars = sut.logs.reduce((sum, { text }) => sum + text.length, 0);
    expect(chars).toBeGreaterThan(10_000);
    expect(chars).toBeLessThan(80_000);
    expect(sut.logs.at(-1)?.text).toContain('the log of this call is full');
  });

  it('tells callers that their call was taken along with a runner, or makes it again where it may', async () => {
    const waits = `await new Promise((r) => setTimeout(r, 1500)); return new Response('in the end')`;
    const posting = sut.handler(waits, { group: 'shared' });
    const asking = sut.handler(waits, { group: 'shared' });
    await Promise.all([sut.host.warm(posting), sut.host.warm(asking)]);
    const posted = sut.problem(posting, { method: 'POST' });
    const asked = sut.call(asking);
    const runner = sut.host.runners().find(({ group }) => group === 'shared');
    process.kill(runner?.pid ?? 0, 'SIGKILL');
    const problem = await posted;
    expect(problem.code).toBe('runner-lost');
    expect(problem.retryAfterSeconds).toBe(1);
    expect((await asked).text).toBe('in the end');
  });

  it('lets the calls of others end when a guest takes its thread along', async () => {
    const waits = `await new Promise((r) => setTimeout(r, 1000)); return new Response('in the end')`;
    const posted = sut.call(sut.handler(waits, { group: 'beside' }), { method: 'POST' });
    const culprit = sut.problem(
      sut.handler("let s = 'x'; for (;;) { s += s; s.charCodeAt(s.length - 1); }", {
        group: 'beside',
        limits: { cpuMs: 3000 },
      }),
    );
    expect(['memory-limit', 'proxylet-threw']).toContain((await culprit).code);
    expect((await posted).text).toBe('in the end');
  });
});

/** Ways out of the realm, each as an expression that must give a harmless answer. */
const escapes: readonly [way: string, body: string, expected: string][] = [
  [
    'the constructor of a function',
    `try { return new Response(String((() => {}).constructor('return 1')())) } catch (e) { return new Response(e.name) }`,
    'EvalError',
  ],
  [
    'the constructor of an async function',
    `try { return new Response(String((async () => {}).constructor('return 1')())) } catch (e) { return new Response(e.name) }`,
    'EvalError',
  ],
  [
    'the constructor of a generator',
    `try { return new Response(String((function* () {}).constructor('return 1')())) } catch (e) { return new Response(e.name) }`,
    'EvalError',
  ],
  [
    'Function of the global',
    `try { return new Response(String(Function('return 1')())) } catch (e) { return new Response(e.name) }`,
    'EvalError',
  ],
  [
    'Reflect.construct',
    `try { return new Response(String(Reflect.construct(Function, ['return 1'])())) } catch (e) { return new Response(e.name) }`,
    'TypeError',
  ],
  ['eval', `return new Response(typeof eval)`, 'undefined'],
  [
    'indirect eval of a string timer',
    `try { setTimeout('globalThis.x = 1', 1) } catch (e) { return new Response(e.name) }`,
    'TypeError',
  ],
  [
    'objects of the host',
    `return new Response([typeof process, typeof require, typeof module, typeof Buffer, typeof __proxyletBoot].join())`,
    'undefined,undefined,undefined,undefined,undefined',
  ],
  [
    'the constructor of what the host gave',
    `return new Response(String(ctx.constructor.constructor === Function) + (() => { try { return env.constructor.constructor('return process')() } catch (e) { return e.name } })())`,
    'trueEvalError',
  ],
  [
    'frames of a stack trace',
    `let seen; Error.prepareStackTrace = (_, frames) => { seen = frames; return '' }; new Error('x').stack; return new Response(String((seen ?? []).some((f) => f.getThis?.() !== undefined || f.getFunction?.() !== undefined)))`,
    'false',
  ],
  [
    'shared memory and weak references',
    `return new Response([typeof SharedArrayBuffer, typeof Atomics, typeof WebAssembly, typeof WeakRef, typeof FinalizationRegistry].join())`,
    'undefined,undefined,undefined,undefined,undefined',
  ],
  [
    'a growing buffer through subclassing',
    `class B extends ArrayBuffer {} ; const b = new B(8, { maxByteLength: 1e9 }); return new Response(String(b.resizable) + typeof b.resize)`,
    'falseundefined',
  ],
  [
    'a growing buffer through its constructor',
    `const b = new (new ArrayBuffer(1).constructor)(8, { maxByteLength: 1e9 }); return new Response(String(b.resizable))`,
    'false',
  ],
  [
    'a growing buffer through structuredClone',
    `const b = structuredClone(new ArrayBuffer(8)); return new Response(String(b.resizable) + typeof b.resize)`,
    'falseundefined',
  ],
];

describe('a realm gives nothing away through', () => {
  let sut: SandboxFixture;
  beforeAll(async () => {
    sut = await SandboxFixture.start();
  });
  afterAll(() => sut[Symbol.asyncDispose]());

  it.each(escapes)('%s', async (_, body, expected) => {
    expect(await sut.text(body)).toBe(expected);
  });

  it('patched built-ins: the guest harms itself alone', async () => {
    const hostile = sut.guest(`
      const grabbed = [];
      for (const name of ['call', 'apply', 'bind']) Function.prototype[name] = function (...args) { grabbed.push(this); return Reflect.apply(this, args[0], args.slice(1)); };
      Map.prototype.get = function (key) { grabbed.push(this); return undefined; };
      Array.prototype.push = function (...items) { grabbed.push?.call; for (const item of items) this[this.length] = item; return this.length; };
      Object.prototype.then = undefined;
      export default { fetch() { return new Response('patched') } };`);
    await sut.call(hostile).catch(() => undefined);
    expect(await sut.text(`return new Response('fine')`)).toBe('fine');
  });
});
