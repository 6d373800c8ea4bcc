import { startTestStack } from '@proxylet/testing';
import { expect, it } from 'vitest';
import { expectProblem } from '../support/problem.js';
import { useStack } from '../support/use-stack.js';

/** `add(a, b)` and `loop()`; hand-assembled: types, functions, exports, code. */
const module = [
  [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
  [0x01, 0x0a, 0x02, 0x60, 0x02, 0x7f, 0x7f, 0x01, 0x7f, 0x60, 0x00, 0x00],
  [0x03, 0x03, 0x02, 0x00, 0x01],
  [0x07, 0x0e, 0x02, 0x03, 0x61, 0x64, 0x64, 0x00, 0x00, 0x04, 0x6c, 0x6f, 0x6f, 0x70, 0x00, 0x01],
  [
    0x0a, 0x11, 0x02, 0x07, 0x00, 0x20, 0x00, 0x20, 0x01, 0x6a, 0x0b, 0x07, 0x00, 0x03, 0x40, 0x0c, 0x00,
    0x0b, 0x0b,
  ],
].flat();

const source = `const ready = WebAssembly.instantiate(new Uint8Array(${JSON.stringify(module)}));
export default {
  async fetch(request) {
    const { instance: { exports } } = await ready;
    if (request.url.endsWith('/loop')) exports.loop();
    return Response.json(exports.add(40, 2));
  },
};`;

const adder = {
  name: 'wasm/adder',
  source,
  manifest: { capabilities: ['wasm'], limits: { memoryMb: 32, cpuMs: 200, timeoutMs: 10_000 } },
};

const suite = useStack({}, async (stack) => {
  await stack.publish(adder);
  await stack.publish({
    name: 'wasm/plain',
    source: 'export default { fetch: () => new Response(typeof WebAssembly) };',
  });
});

it('runs a proxylet with WebAssembly that its user agreed to', async () => {
  const { stack } = suite;
  await expect(stack.install('alice', adder.name, { consent: false })).rejects.toThrow(
    /consent-required.*run WebAssembly/s,
  );
  await expect(stack.install('alice', adder.name, { consent: {} })).rejects.toThrow(
    /WebAssembly is not defined/,
  );
  await stack.install('alice', adder.name);
  expect(await (await stack.run('alice', adder.name)).json()).toBe(42);
});

it('does not let a loop in a module get to its neighbours', async () => {
  const { stack } = suite;
  const { pid } = stack.engine;
  await stack.install('bob', adder.name);
  await stack.install('bob', 'wasm/plain');
  const harm = stack.run('bob', adder.name, '/loop');
  expect(await (await stack.run('bob', 'wasm/plain')).text()).toBe('undefined');
  await expectProblem(await harm, 'cpu-limit');
  expect(await (await stack.run('bob', adder.name)).json()).toBe(42);
  expect(stack.engine.pid).toBe(pid);
});

it('is refused, with the reason, by an engine that does not offer it', async () => {
  await using stack = await startTestStack({ engine: { PROXYLET_ENGINE_CAPABILITIES: '["kv"]' } });
  await stack.publish(adder);
  await expect(stack.install('alice', adder.name)).rejects.toThrow(/unresolvable.*needs.*wasm/s);
});

it('is published without a warning where the manifest asks for it, with one where not', async () => {
  const { stack } = suite;
  await stack.publish({ name: 'wasm/without', source });
  const read = (name: string) =>
    stack.send('GET', `${stack.catalog.url}/v1/proxylets/wasm/${name}/versions/1.0.0`, 'paula', 'catalog');
  expect(await read('adder')).toMatchObject({ warnings: [] });
  expect(await read('without')).toMatchObject({
    warnings: [{ rule: 'missing-api', detail: expect.stringContaining('capability `wasm`') as string }],
  });
});
