import { readFile } from 'node:fs/promises';
import { childrenOf, startTestStack } from '@proxylet/testing';

/**
 * The whole product: a stack of its own, in which paula publishes the handler and alice installs it; each call
 * carries her token. CPU counts the engine's process and its runners.
 */
export async function startProxylet() {
  // What one installation may use over time is no part of what is measured.
  const stack = await startTestStack({ engine: { PROXYLET_ENGINE_CPU_SHARE_PERCENT: '10000' } });
  try {
    const source = await readFile(new URL('handler.mjs', import.meta.url), 'utf8');
    await stack.deploy('alice', { name: 'bench/json', source });
    const { hostname, port } = new URL(stack.engine.url);
    return {
      name: 'proxylet',
      host: hostname,
      port: Number(port),
      path: '/run/bench/json/items?q=7',
      headers: { authorization: await stack.bearer('alice', 'engine') },
      expected: { path: '/items', q: '7' },
      pids: () => [stack.engine.pid, ...childrenOf(stack.engine.pid)],
      stop: () => stack[Symbol.asyncDispose](),
    };
  } catch (error) {
    await stack[Symbol.asyncDispose]();
    throw error;
  }
}
