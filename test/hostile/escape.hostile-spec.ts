import { describe, expect, it } from 'vitest';
import { useStack } from '../support/use-stack.js';

/** Each evaluates a list of expressions and tells what they gave: a type, or the error. */
const prober = `const looks = {
  process: () => typeof process,
  require: () => typeof require,
  module: () => typeof module,
  Buffer: () => typeof Buffer,
  global: () => typeof global,
  ivm: () => typeof ivm + typeof isolated_vm,
  SharedArrayBuffer: () => typeof SharedArrayBuffer,
  Atomics: () => typeof Atomics,
  WebAssembly: () => typeof WebAssembly,
  WeakRef: () => typeof WeakRef,
  FinalizationRegistry: () => typeof FinalizationRegistry,
  eval: () => eval('1'),
  Function: () => Function('return this')(),
  constructor: () => (() => {}).constructor('return this')(),
  asyncConstructor: () => (async () => {}).constructor('return this')(),
  generatorConstructor: () => (function* () {}).constructor('return this')().next(),
  nativeConstructor: () => fetch.constructor('return this')(),
  responseConstructor: () => Response.constructor('return this')(),
  errorFrames: () => {
    Error.prepareStackTrace = (_, frames) => frames.map((frame) => [typeof frame.getThis(), typeof frame.getFunction()]).join();
    return new Error('x').stack;
  },
};
export default {
  async fetch(request, env, ctx) {
    const found = {};
    for (const [name, look] of Object.entries(looks)) {
      try { found[name] = String(await look()); } catch (error) { found[name] = 'threw ' + error.name; }
    }
    found.import = await import(['node', 'fs'].join(':')).then(() => 'imported', (error) => 'threw');
    found.globals = Object.getOwnPropertyNames(globalThis).filter((name) => /proxylet|ivm|host|^_/i.test(name));
    found.env = Object.keys(env);
    found.user = ctx.user;
    found.headers = [...request.headers.keys()];
    return Response.json(found);
  },
};`;

const suite = useStack({}, async (stack) => {
  await stack.deploy('alice', { name: 'escape/prober', source: prober });
});

describe('a proxylet that looks for a way out', () => {
  it('finds no Node, no shared memory, no evaluation, no handle of the host', async () => {
    const response = await suite.stack.run('alice', 'escape/prober', '/', {
      headers: { cookie: 'session=secret' },
    });
    const found = (await response.json()) as Record<string, unknown>;
    const absent = [
      'process',
      'require',
      'module',
      'Buffer',
      'global',
      'SharedArrayBuffer',
      'Atomics',
      'WebAssembly',
      'WeakRef',
      'FinalizationRegistry',
    ];
    expect(absent.map((name) => [name, found[name]])).toEqual(absent.map((name) => [name, 'undefined']));
    const refused = Object.keys(found).filter((name) => /^(eval|Function|.*[cC]onstructor)$/.test(name));
    expect(refused.length).toBe(7);
    expect(refused.map((name) => [name, found[name]])).toEqual(
      refused.map((name) => [name, expect.stringMatching(/^threw /)]),
    );
    expect(found['import']).toBe('threw');
    expect(found['globals']).toEqual([]);
    expect(found['ivm']).toBe('undefinedundefined');
    expect(found['errorFrames']).not.toMatch(/object|function/);
  });

  it('learns who calls, and no token', async () => {
    const response = await suite.stack.run('alice', 'escape/prober');
    const text = await response.text();
    expect(JSON.parse(text)).toMatchObject({
      user: { subject: 'alice', roles: ['user'] },
      env: ['CONFIG', 'SECRETS'],
    });
    expect(text).not.toContain((await suite.stack.token('alice', 'engine')).slice(0, 40));
    expect((JSON.parse(text) as { headers: string[] }).headers).not.toContain('authorization');
  });
});

describe('a proxylet that poisons prototypes', () => {
  it('harms nobody but itself', async () => {
    const { stack } = suite;
    const poison = `for (const type of [Array, Promise, Object, Function, Map, String, Response, Request, Headers, Uint8Array]) {
      for (const name of Object.getOwnPropertyNames(type.prototype)) {
        try { type.prototype[name] = () => { throw new Error('poisoned'); }; } catch {}
      }
    }
    export default { fetch: () => new Response('poisoner') };`;
    const ordinary = `export default { fetch: async (request) => new Response([await request.text(), 'well'].join(' ')) };`;
    await stack.publish({ name: 'poison/one', source: poison, manifest: { limits: { timeoutMs: 1000 } } });
    await stack.deploy('alice', { name: 'poison/two', source: ordinary });
    await stack.deploy('bob', { name: 'poison/two', version: '1.0.1', source: ordinary });
    await stack.install('alice', 'poison/one').catch(() => undefined);
    await stack.run('alice', 'poison/one');
    for (const user of ['alice', 'bob'] as const) {
      const response = await stack.run(user, 'poison/two', '/', { method: 'POST', body: 'all' });
      expect(await response.text()).toBe('all well');
    }
  });
});

describe('installations of one proxylet by two users', () => {
  it('share no state in memory', async () => {
    const { stack } = suite;
    const source = `let secret = 'none'; globalThis.shared ??= [];
    export default { async fetch(request, env, ctx) {
      if (request.method === 'POST') { secret = await request.text(); globalThis.shared.push(secret); Object.prototype.leak = secret; }
      return Response.json({ secret, shared: globalThis.shared, leak: ({}).leak ?? null });
    } };`;
    await stack.deploy('alice', { name: 'state/memory', source });
    await stack.install('bob', 'state/memory');
    await stack.run('alice', 'state/memory', '/', { method: 'POST', body: "alice's" });
    const seen = await (await stack.run('bob', 'state/memory')).json();
    expect(seen).toEqual({ secret: 'none', shared: [], leak: null });
  });
});
