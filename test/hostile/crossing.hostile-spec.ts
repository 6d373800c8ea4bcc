import type { ProblemCode } from '@proxylet/contract';
import { describe, expect, it } from 'vitest';
import { cpuAttackLimits } from '../support/attack-list.js';
import { attackSource } from '../support/attacks.js';
import { expectProblem } from '../support/problem.js';
import { hello } from '../support/sources.js';
import { useStack } from '../support/use-stack.js';

/** Values that harm whoever reads them: in the handler's scope as `trap`, a getter of everything. */
const traps = `
const loop = () => { for (;;); };
const trap = new Proxy(function () {}, { get: loop, apply: loop, ownKeys: loop, getPrototypeOf: loop, has: loop, getOwnPropertyDescriptor: loop });
const shout = { toString() { throw new RangeError('shouted'); }, valueOf() { throw new RangeError('shouted'); }, toJSON() { throw new RangeError('shouted'); } };
`;

interface Crossing {
  readonly name: string;
  readonly code: string;
  /** Problems that answer it clearly; none where the answer must be `well`. */
  readonly answers?: readonly ProblemCode[];
}

const stopped: readonly ProblemCode[] = ['cpu-limit', 'proxylet-threw'];

const crossings: readonly Crossing[] = [
  { name: 'trap-as-answer', code: 'return trap;', answers: [...stopped, 'proxylet-bad-response'] },
  { name: 'trap-as-rejection', code: 'return Promise.reject(trap);', answers: stopped },
  { name: 'trap-as-status', code: 'return new Response("", { status: trap });', answers: stopped },
  { name: 'trap-as-headers', code: 'return new Response("", { headers: trap });', answers: stopped },
  { name: 'trap-as-body', code: 'return new Response(trap);', answers: stopped },
  {
    name: 'trap-as-chunk',
    code: 'return new Response(new ReadableStream({ start(c) { c.enqueue(trap); c.close(); } }));',
    answers: stopped,
  },
  { name: 'trap-as-key', code: 'await env.KV.put(trap, "x");', answers: stopped },
  { name: 'trap-as-value', code: 'await env.KV.put("k", trap);', answers: stopped },
  { name: 'trap-as-options', code: 'await env.KV.list(trap);', answers: stopped },
  { name: 'trap-as-url', code: 'await fetch(trap);', answers: stopped },
  { name: 'trap-as-init', code: 'await fetch("https://a.example/", trap);', answers: stopped },
  { name: 'trap-as-work', code: 'ctx.waitUntil(trap); return new Response("well");', answers: stopped },
  { name: 'trap-as-line', code: 'console.log(trap); return new Response("well");', answers: stopped },
  { name: 'trap-as-clone', code: 'structuredClone(trap);', answers: stopped },
  { name: 'trap-as-data', code: 'await crypto.subtle.digest(trap, trap);', answers: stopped },
  { name: 'trap-as-delay', code: 'setTimeout(() => {}, trap);', answers: stopped },
  {
    name: 'getters-of-an-error',
    code: 'throw Object.defineProperties(new Error(), { name: { get: loop }, stack: { get: loop } });',
    answers: stopped,
  },
  { name: 'texts-that-throw', code: 'await env.KV.put(shout, shout);', answers: ['proxylet-threw'] },
  { name: 'json-that-throws', code: 'return Response.json(shout);', answers: ['proxylet-threw'] },
  { name: 'line-that-throws', code: 'console.log(shout, [shout]); return new Response("well");' },
  {
    name: 'names-of-prototypes',
    code: `for (const name of ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty']) {
      await env.KV.put(name, 'polluted');
      if (await env.KV.get(name) !== 'polluted') throw new Error(name);
    }
    const headers = { constructor: 'x', prototype: 'x', ['__proto__']: 'x', 'x-well': 'yes' };
    return new Response('well', { headers });`,
  },
  {
    name: 'prototypes-in-json',
    code: `await env.KV.put('j', '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}');
    const read = await env.KV.get('j', { type: 'json' });
    return new Response(({}).polluted === undefined && Object.hasOwn(read, '__proto__') ? 'well' : 'polluted');`,
  },
  {
    name: 'thenable-prototype',
    code: `Object.prototype.then = function (resolve) { resolve('taken'); };
    try { await env.KV.get('x'); return new Response('well'); } finally { delete Object.prototype.then; }`,
    answers: ['proxylet-threw', 'proxylet-bad-response', 'time-limit'],
  },
  {
    name: 'array-species',
    code: `Object.defineProperty(Array, Symbol.species, { get: loop });
    return new Response([1, 2, 3].map(String).join());`,
    answers: stopped,
  },
  {
    name: 'header-lines',
    code: `for (const value of ['a\\r\\nset-cookie: b=c', 'a\\nb', 'a\\u0000b', 'a\\u2028b']) {
      try { new Response('', { headers: { 'x-split': value } }); throw new Error('taken: ' + JSON.stringify(value)); }
      catch (error) { if (!(error instanceof TypeError)) throw error; }
    }
    return new Response('well');`,
  },
  {
    name: 'lines-in-the-log',
    code: `console.log('well\\n{"level":60,"source":"engine","msg":"forged"}\\u001b[2J\\u2028forged'); return new Response('well');`,
  },
];

const suite = useStack({}, async (stack) => {
  await stack.deploy('bob', { name: 'good/hello', source: hello });
  for (const { name, code } of crossings) {
    await stack.deploy('alice', {
      name: `crossing/${name}`,
      source: traps + attackSource({ code }),
      manifest: { limits: { ...cpuAttackLimits, timeoutMs: 3000 }, capabilities: ['kv'] },
    });
  }
});

describe('what crosses the wall harms nobody:', () => {
  it.each(crossings)('$name', async ({ name, answers }) => {
    const { stack } = suite;
    const enginePid = stack.engine.pid;
    const response = await stack.run('alice', `crossing/${name}`, '/attack');
    if (response.status === 200) {
      expect((await response.text().catch(() => 'broken off')).slice(0, 100)).toMatch(
        answers === undefined ? /^well$/ : /^(?:well|broken off|)$/,
      );
    } else {
      await expectProblem(response, ...(answers ?? []));
    }
    expect(await (await stack.run('alice', `crossing/${name}`, '/calm')).text()).toBe('calm');
    expect(await (await stack.run('bob', 'good/hello')).text()).toBe('hello');
    expect(stack.engine.pid).toBe(enginePid);
  });

  it('a line of a log stays one line, and says of itself that it is a guest’s', async () => {
    const { stack } = suite;
    const logged = await fetch(`${stack.engine.url}/v1/installations/crossing/lines-in-the-log/logs`, {
      headers: { authorization: await stack.bearer('alice', 'engine') },
    });
    const { items } = (await logged.json()) as { items: { level: string; text: string }[] };
    expect(items).toHaveLength(1);
    expect(items[0]).toMatchObject({ level: 'info', text: expect.stringContaining('\\x1b[2J\\u2028forged') });
    for (const line of stack
      .logsSince()
      .split('\n')
      .filter((text) => text.includes('forged'))) {
      expect(line).toContain('"source":"guest"');
    }
  });
});
