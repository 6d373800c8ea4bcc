import type { ProblemCode } from '@proxylet/contract';
import { RefusedError } from '@proxylet/testing';
import { describe, expect, it } from 'vitest';
import { attackSource } from '../support/attacks.js';
import { residentMb } from '../support/memory.js';
import { expectProblem } from '../support/problem.js';
import { hello } from '../support/sources.js';
import { useStack } from '../support/use-stack.js';
import { Watch } from '../support/watch.js';

const suite = useStack({}, async (stack) => {
  await stack.deploy('bob', { name: 'good/hello', source: hello });
});

const limits = { memoryMb: 128, cpuMs: 5000, timeoutMs: 20_000 };

async function deploy(name: string, code: string): Promise<void> {
  await suite.stack.deploy('alice', {
    name: `flood/${name}`,
    source: attackSource({ code }),
    manifest: { limits, capabilities: ['kv'] },
  });
}

/** Attacks while bob's proxylet is called, and asserts that bob, the engine and the next call are well. */
async function attack(name: string, look: (response: Response) => Promise<unknown>): Promise<void> {
  const { stack } = suite;
  const enginePid = stack.engine.pid;
  const watch = new Watch(stack, 'bob', 'good/hello');
  try {
    await look(await stack.run('alice', `flood/${name}`, '/attack'));
    const calm = await stack.run('alice', `flood/${name}`, '/calm', { signal: AbortSignal.timeout(2000) });
    expect(await calm.text()).toBe('calm');
  } finally {
    await watch.stop();
  }
  expect(watch.failures).toEqual([]);
  expect(stack.engine.pid).toBe(enginePid);
  expect(residentMb(enginePid)).toBeLessThan(700);
}

describe('an answer that is none', () => {
  const garbage: readonly (readonly [name: string, code: string])[] = [
    ['undefined', 'return undefined;'],
    ['number', 'return 42;'],
    ['look-alike', "return { status: 200, headers: new Headers(), body: 'x', text: async () => 'x' };"],
    ['forged', 'return Object.create(Response.prototype);'],
    ['null', 'return null;'],
    ['function', 'return () => new Response();'],
    ['thenable-of-garbage', "return { then: (resolve) => resolve('garbage') };"],
    ['error-response', 'return Response.error();'],
  ];
  it.each(garbage)('(%s) is named as such', async (name, code) => {
    await deploy(name, code);
    await attack(name, (response) => expectProblem(response, 'proxylet-bad-response', 'proxylet-threw'));
  });

  it('as a stream of garbage breaks the transfer off', async () => {
    await deploy(
      'garbage-stream',
      `return new Response(new ReadableStream({ start(c) {
        c.enqueue(new TextEncoder().encode('begun'));
        c.enqueue({ not: 'bytes' });
      } }));`,
    );
    await attack('garbage-stream', async (response) => {
      const outcome = await response.text().catch(() => 'broken off');
      expect(outcome).not.toBe('begun');
    });
  });
});

describe('an exception', () => {
  const thrown: readonly (readonly [name: string, code: string, shown: RegExp])[] = [
    ['error', "throw new TypeError('no such thing');", /TypeError: no such thing/],
    ['rejection', "await Promise.reject(new Error('later'));", /later/],
    ['text', "throw 'just text';", /just text/],
    ['nothing', 'throw undefined;', /./],
    ['proxy', 'throw new Proxy({}, { get() { throw 1; }, getPrototypeOf() { throw 2; } });', /./],
    ['symbol', "throw Symbol('odd');", /./],
    [
      'bad-message',
      "throw Object.assign(new Error(), { message: { toString() { throw new Error('nested'); } } });",
      /./,
    ],
  ];
  it.each(thrown)('(%s) is told to the caller as a problem of the proxylet', async (name, code, shown) => {
    await deploy(`throws-${name}`, code);
    await attack(`throws-${name}`, async (response) => {
      const { detail } = await expectProblem(response, 'proxylet-threw');
      expect(detail).toMatch(shown);
    });
  });

  it('names no file of the engine', async () => {
    await deploy('stack', "throw new Error(new Error('where').stack);");
    await attack('stack', async (response) => {
      const { detail } = await expectProblem(response, 'proxylet-threw');
      expect(detail).not.toMatch(/node_modules|node:|\/libs\/|\/dist\/(runner|host|guest)/);
    });
  });

  it('nobody handles does not end the call', async () => {
    await deploy(
      'unhandled',
      "for (let i = 0; i < 100; i += 1) Promise.reject(new Error('lost')); return new Response('fine');",
    );
    await attack('unhandled', async (response) => expect(await response.text()).toBe('fine'));
  });
});

interface Flood {
  readonly name: string;
  readonly code: string;
  readonly answers: readonly ProblemCode[];
}

describe('a flood', () => {
  const floods: readonly Flood[] = [
    {
      name: 'long-message',
      code: "let s = '\\u0100'.repeat(2 ** 28); throw new Error(s + s.slice(1));",
      answers: ['proxylet-threw', 'memory-limit'],
    },
    {
      name: 'long-ascii-message',
      code: "throw new Error('x'.repeat(2 ** 29 - 24));",
      answers: ['proxylet-threw', 'memory-limit'],
    },
    {
      name: 'many-headers',
      code: "const h = new Headers(); for (let i = 0; i < 200000; i += 1) h.append('x-' + i, 'y'.repeat(50)); return new Response('x', { headers: h });",
      answers: ['header-limit', 'cpu-limit'],
    },
    {
      name: 'long-header',
      code: "return new Response('x', { headers: { 'x-long': 'y'.repeat(10000000) } });",
      answers: ['header-limit'],
    },
    {
      name: 'many-cookies',
      code: "const h = new Headers(); for (let i = 0; i < 5000; i += 1) h.append('set-cookie', 'c' + i + '=' + 'y'.repeat(100)); return new Response('x', { headers: h });",
      answers: ['header-limit'],
    },
    {
      name: 'long-body',
      code: "return new Response('x'.repeat(2 ** 29 - 24));",
      answers: ['response-too-large', 'memory-limit'],
    },
    {
      name: 'many-timers',
      code: 'for (let i = 0; i < 1e6; i += 1) setTimeout(() => undefined, 1000); return new Response();',
      answers: ['timer-limit'],
    },
    {
      name: 'long-url',
      code: "new URL('http://a/../' + 'x'.repeat(2 ** 28)); return new Response();",
      answers: ['memory-limit', 'proxylet-threw'],
    },
  ];
  it.each(floods)(
    'of $name is stopped with a clear answer of a few kilobytes',
    async ({ name, code, answers }) => {
      await deploy(name, code);
      await attack(name, async (response) => {
        const text = await response.clone().text();
        expect(text.length).toBeLessThan(32 * 1024);
        await expectProblem(response, ...answers);
      });
    },
  );

  it('of log lines is cut off, with the call answered and its log small', async () => {
    await deploy(
      'log',
      "for (let i = 0; i < 200000; i += 1) console.log('line', i, 'x'.repeat(1000)); return new Response('logged');",
    );
    await attack('log', async (response) => expect(await response.text()).toBe('logged'));
    const { stack } = suite;
    const stop = new AbortController();
    const logs = await fetch(`${stack.engine.url}/v1/installations/flood/log/logs`, {
      headers: { authorization: await stack.bearer('alice', 'engine') },
      signal: stop.signal,
    });
    expect(logs.status).toBe(200);
    expect((await firstChunk(logs)).length).toBeLessThan(256 * 1024);
    stop.abort();
  });

  it('of key-value operations is refused to the guest, which goes on', async () => {
    await deploy(
      'kv',
      `const all = await Promise.allSettled(Array.from({ length: 5000 }, (_, i) => env.KV.put('k' + i, 'v')));
       return Response.json({ refused: all.filter((one) => one.status === 'rejected').length });`,
    );
    await attack('kv', async (response) => {
      expect(response.status).toBe(200);
      expect(((await response.json()) as { refused: number }).refused).toBeGreaterThan(0);
    });
  });

  it('of key-value bytes ends at the quota', async () => {
    await deploy(
      'kv-bytes',
      `const value = 'x'.repeat(100000); let stored = 0;
       try { for (;; stored += 1) await env.KV.put('k' + stored, value); }
       catch (error) { return Response.json({ stored, error: String(error) }); }`,
    );
    await attack('kv-bytes', async (response) => {
      const { stored, error } = (await response.json()) as { stored: number; error: string };
      expect(stored).toBeGreaterThan(10);
      expect(error).toMatch(/quota/i);
    });
  });

  it('of bytes without an end is broken off at the cap, never passed off as whole', async () => {
    await deploy(
      'endless-body',
      'const bytes = new Uint8Array(65536); return new Response(new ReadableStream({ pull(c) { c.enqueue(bytes); } }));',
    );
    await attack('endless-body', async (response) => {
      let received = 0;
      const reading = (async () => {
        for await (const chunk of response.body ?? []) received += (chunk as Uint8Array).byteLength;
      })();
      await expect(reading).rejects.toThrow();
      expect(received).toBeLessThanOrEqual(64 * 1024 * 1024);
    });
  });
});

describe('a module that cannot be started', () => {
  const modules: readonly (readonly [name: string, source: string])[] = [
    ['top-level-loop', 'for (;;); export default { fetch() {} };'],
    ['top-level-throw', "throw new Error('not today'); export default { fetch() {} };"],
    [
      'top-level-memory',
      'const kept = []; for (;;) kept.push(new Array(1e6).fill(kept.length)); export default { fetch() {} };',
    ],
    ['no-handler', 'const app = { hello() {} }; export default app;'],
    ['default-number', 'const seven = 7; export default seven;'],
  ];
  it.each(modules)('(%s) is refused at installing, and nothing is installed', async (name, source) => {
    const { stack } = suite;
    const watch = new Watch(stack, 'bob', 'good/hello');
    await stack.publish({ name: `broken/${name}`, source });
    const outcome = await stack.install('alice', `broken/${name}`).catch((error: unknown) => error);
    await watch.stop();
    expect(outcome).toBeInstanceOf(RefusedError);
    expect(['proxylet-invalid', 'memory-limit', 'cpu-limit']).toContain((outcome as RefusedError).code);
    await expectProblem(await stack.run('alice', `broken/${name}`), 'not-installed');
    expect(watch.failures).toEqual([]);
  });

  it('does not replace the version that runs', async () => {
    const { stack } = suite;
    await stack.deploy('alice', { name: 'broken/update', source: hello });
    await stack.publish({
      name: 'broken/update',
      version: '1.0.1',
      source: "throw new Error('bad'); export default { fetch() {} };",
    });
    await expect(stack.install('alice', 'broken/update')).rejects.toMatchObject({ code: 'proxylet-invalid' });
    expect(await (await stack.run('alice', 'broken/update')).text()).toBe('hello');
  });
});

async function firstChunk(response: Response): Promise<string> {
  const reader = response.body?.getReader();
  const { value } = (await reader?.read()) ?? {};
  return new TextDecoder().decode(value);
}
