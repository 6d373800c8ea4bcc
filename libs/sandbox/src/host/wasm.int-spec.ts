import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SandboxFixture } from '../../test/sandbox-fixture.js';
import { op, wasmModule } from '../../test/wasm-module.js';
import type { Guest } from '../types.js';

let fixture: SandboxFixture;
beforeAll(async () => {
  fixture = await SandboxFixture.start();
});
afterAll(() => fixture[Symbol.asyncDispose]());

const limits = { memoryMb: 32, cpuMs: 500, timeoutMs: 10_000 };

/** A handler that has WebAssembly, with the bytes of a module as `bytes`. */
function withWasm(body: string, module: readonly number[] = [], group = 'wasm'): Guest {
  const code = `const bytes = new Uint8Array(${JSON.stringify(module)}); ${body}`;
  const guest = fixture.handler(code, { limits, group });
  return { ...guest, bindings: { ...guest.bindings, wasm: true } };
}

async function text(body: string, module?: readonly number[]): Promise<string> {
  return (await fixture.call(withWasm(body, module))).text;
}

const adder = wasmModule({ functions: { add: { type: 'add', body: op.add } } });
const harmful = wasmModule({
  memories: [[1]],
  functions: {
    loop: { type: 'void', body: op.loopForever },
    recurse: { type: 'void', body: [0x10, 0x01] },
    grow: { type: 'i32', body: op.growBy100Pages },
  },
});

describe('WebAssembly', () => {
  it('compiles and runs a module by every way there is', async () => {
    const answer = await text(
      `const answer = () => new Response(bytes, { headers: { 'content-type': 'application/wasm' } });
       const streamed = await WebAssembly.instantiateStreaming(answer());
       const whole = await WebAssembly.instantiate(bytes);
       const ofModule = await WebAssembly.instantiate(await WebAssembly.compileStreaming(Promise.resolve(answer())));
       const made = new WebAssembly.Instance(new WebAssembly.Module(bytes.buffer));
       const all = [streamed.instance, whole.instance, ofModule, made];
       const names = WebAssembly.Module.exports(whole.module).map(({ name }) => name);
       return Response.json([
         all.map(({ exports }) => exports.add(40, 2)), WebAssembly.validate(bytes), names,
         all.every((one) => one instanceof WebAssembly.Instance), whole.module.constructor === WebAssembly.Module,
       ]);`,
      adder,
    );
    expect(JSON.parse(answer)).toEqual([[42, 42, 42, 42], true, ['add'], true, true]);
  });

  it.each([
    [
      'an answer of another type',
      `WebAssembly.compileStreaming(new Response(bytes))`,
      /TypeError.*application/,
    ],
    [
      'an answer that failed',
      `WebAssembly.compileStreaming(new Response(bytes, { status: 404, headers: { 'content-type': 'application/wasm' } }))`,
      /TypeError.*404/,
    ],
    ['no module', `WebAssembly.compile(new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]))`, /CompileError.*magic/],
    ['no bytes', `WebAssembly.compile('text')`, /TypeError/],
    ['a module cut off', `WebAssembly.compile(bytes.slice(0, -3))`, /CompileError/],
  ])('refuses %s', async (_, code, wanted) => {
    expect(await text(`return new Response(String(await ${code}.catch((e) => e)));`, adder)).toMatch(wanted);
  });

  it('is absent from guests that do not ask for it, and never shares a runner with them', async () => {
    const plain = fixture.handler('return new Response(typeof WebAssembly)', { group: 'wasm' });
    expect((await fixture.call(plain)).text).toBe('undefined');
    expect(await text('return new Response(typeof WebAssembly)')).toBe('object');
    const groups = fixture.host.runners().map(({ group }) => group);
    expect(groups).toContain('wasm');
    expect(groups).toContain('wasm:wasm');
  });

  it('gives memory up to the limit and says so beyond', async () => {
    const answer = await text(
      `const tries = {
         maximum: () => new WebAssembly.Memory({ initial: 1, maximum: 60000 }).buffer.byteLength,
         one: () => new WebAssembly.Memory({ initial: 496 }).buffer.byteLength,
         more: () => new WebAssembly.Memory({ initial: 513 }),
         wide: () => new WebAssembly.Memory({ address: 'i64', initial: 513n }),
         grown: () => new WebAssembly.Memory({ initial: 1 }).grow(600),
       };
       return Response.json(Object.entries(tries).map(([name, act]) => {
         try { return [name, act()]; } catch (e) { return [name, e.name, e.message]; }
       }));`,
    );
    const limit = 'is more than the 32 MB of this proxylet';
    expect(JSON.parse(answer)).toEqual([
      ['maximum', 65_536],
      ['one', 31 * 1024 * 1024],
      ['more', 'RangeError', expect.stringContaining(limit)],
      ['wide', 'RangeError', expect.stringContaining(limit)],
      ['grown', 'RangeError', expect.stringContaining(limit)],
    ]);
  });

  it('lets a module grow its memory up to the limit, and no further', async () => {
    const answer = await text(
      `const { instance: { exports: { grow } } } = await WebAssembly.instantiate(bytes);
       return Response.json(Array.from({ length: 7 }, grow));`,
      harmful,
    );
    expect(JSON.parse(answer)).toEqual([1, 101, 201, 301, 401, -1, -1]);
  });

  it.each([
    ['more memory than the limit', { memories: [[600]] }],
    ['two memories that are too much together', { memories: [[300], [300]] }],
    ['many memories', { memories: [[0], [0], [0], [0], [0]] }],
    ['shared memory', { memories: [[1, 2, 'shared']] }],
    ['shared memory of others', { importsMemory: [1, 2, 'shared'] }],
  ] as const)('refuses a module with %s', async (_, parts) => {
    const answer = await text(
      'return new Response(String(await WebAssembly.compile(bytes).catch((e) => e)))',
      wasmModule(parts),
    );
    expect(answer).toMatch(/^RangeError: .*(more than|at most|may have|shared)/);
  });

  it('makes an instance for each call for as long as nobody keeps them', async () => {
    const guest = withWasm(
      `globalThis.module ??= new WebAssembly.Module(bytes);
       const { exports } = new WebAssembly.Instance(module);
       return new Response(String(exports.grow()))`,
      harmful,
    );
    for (let call = 0; call < 600; call += 1) expect((await fixture.call(guest)).text).toBe('1');
  });

  it('refuses the instance that is one too many', async () => {
    const answer = await text(
      `const module = new WebAssembly.Module(bytes), all = [];
       try { for (;;) all.push(new WebAssembly.Instance(module)); } catch (e) { return new Response(all.length + ' ' + e); }`,
      adder,
    );
    expect(answer).toMatch(/^256 RangeError: .*256 WebAssembly instances/);
  });

  it('hides the constructors without limits, whatever the guest replaces', async () => {
    const answer = await text(
      `const seen = [];
       Reflect.construct = (target) => { seen.push(target); return {}; };
       WeakMap.prototype.set = WeakMap.prototype.get = function () { seen.push(this); };
       const module = new WebAssembly.Module(bytes);
       const memory = new WebAssembly.Memory({ initial: 1 });
       new WebAssembly.Instance(module);
       new ArrayBuffer(8);
       const shared = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }).buffer;
       const larger = new shared.constructor(8, { maxByteLength: 2 ** 30 });
       return Response.json([seen.filter((one) => typeof one === 'function').length, module.constructor === WebAssembly.Module, memory.constructor === WebAssembly.Memory,
         larger.growable, typeof larger.grow, typeof gc, typeof WebAssembly.promising, typeof SharedArrayBuffer, typeof Atomics]);`,
      adder,
    );
    expect(JSON.parse(answer)).toEqual([
      0,
      true,
      true,
      false,
      'undefined',
      'undefined',
      'undefined',
      'undefined',
      'undefined',
    ]);
  });
});

it('keeps to its limit whatever the guest has put in the place of the language', async () => {
  const answer = await text(
    `const Original = Uint8Array, seen = [];
     Math.floor = () => 127; Math.trunc = () => 0; globalThis.Number = () => 0; globalThis.BigInt = () => 0n;
     Object.defineProperty(Array.prototype, 0, { set(value) { seen.push(value); }, configurable: true });
     Object.prototype.maximum = 60000;
     globalThis.Uint8Array = class { constructor() { return new Original(bytes.buffer); } };
     let most = 'none';
     try { new WebAssembly.Memory({ initial: 600 }); } catch (e) { most = e.name; }
     const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes));
     let size = 0;
     for (let i = 0; i < 20; i += 1) size = Math.max(size, exports.grow());
     delete Array.prototype[0];
     return new Response([most, size, seen.length].join());`,
    harmful,
  );
  expect(answer).toBe('RangeError,401,0');
});

const killers: readonly [attack: string, body: string, codes: readonly string[]][] = [
  [
    'loops in a module',
    'new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports.loop()',
    ['cpu-limit'],
  ],
  [
    'recurses in a module',
    'new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports.recurse()',
    ['proxylet-threw'],
  ],
  [
    'makes 40 small memories',
    'const all = []; for (let i = 0; i < 40; i += 1) { const m = new WebAssembly.Memory({ initial: 64 }); new Uint8Array(m.buffer).fill(1); all.push(m); }',
    ['proxylet-threw'],
  ],
  [
    'makes instances whose memories grow unseen',
    `const module = new WebAssembly.Module(bytes), all = [];
     for (let i = 0; i < 200; i += 1) { const { exports } = new WebAssembly.Instance(module); while (exports.grow() >= 0); all.push(exports); }
     for (;;);`,
    ['cpu-limit', 'memory-limit', 'runner-lost'],
  ],
  [
    'grows a table for ever',
    `const t = new WebAssembly.Table({ initial: 0, element: 'externref' }); for (;;) t.grow(100_000, {});`,
    ['proxylet-threw', 'memory-limit'],
  ],
  [
    'makes tables for ever',
    `const all = []; for (;;) all.push(new WebAssembly.Table({ initial: 900_000, element: 'externref' }));`,
    ['memory-limit', 'proxylet-threw', 'cpu-limit'],
  ],
  [
    'compiles for ever',
    'const all = []; for (;;) all.push(new WebAssembly.Module(bytes));',
    ['cpu-limit', 'memory-limit'],
  ],
];

describe('a guest with WebAssembly that', () => {
  it.each(killers)('%s', { timeout: 60_000 }, async (_, body, codes) => {
    const neighbour = fixture.handler("return new Response('calm')", { group: 'neighbour' });
    let isOver = false;
    const slowest = (async () => {
      for (let calls = 1; ; calls += 1) {
        expect((await fixture.call(neighbour)).text).toBe('calm');
        if (isOver) return calls;
        await new Promise((resolve) => {
          setTimeout(resolve, 10);
        });
      }
    })();
    const problem = await fixture.problem(withWasm(body, harmful, 'killers'));
    isOver = true;
    expect(codes).toContain(problem.code);
    expect(await slowest).toBeGreaterThan(0);
    const again = await fixture.call(withWasm("return new Response('again')", harmful, 'killers'));
    expect(again.text).toBe('again');
  });
});
