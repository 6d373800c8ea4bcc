import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { childrenOf, startTestStack } from '@proxylet/testing';
import { startWorkerdWith } from './workerd-process.mjs';

const host = '127.0.0.1';

function source(file) {
  return readFile(new URL(file, import.meta.url), 'utf8');
}

/** The product with one proxylet that passes bodies around and one that it depends on; `upstream` is opened to it. */
export async function startProxyletFlow(upstream) {
  // What one installation may use over time is no part of what is measured.
  const stack = await startTestStack({ engine: { PROXYLET_ENGINE_CPU_SHARE_PERCENT: '10000' } });
  try {
    await stack.deploy('alice', { name: 'bench/json', source: await source('handler.mjs') });
    await stack.deploy('alice', {
      name: 'bench/flow',
      source: await source('flow-handler.mjs'),
      manifest: { dependencies: { 'bench/json': '^1' } },
    });
    const rule = { origin: upstream, proxylets: ['bench/*'] };
    await stack.send('PUT', `${stack.engine.url}/v1/admin/egress`, 'adam', 'engine', rule);
    return {
      name: 'proxylet',
      host,
      port: Number(new URL(stack.engine.url).port),
      prefix: '/run/bench/flow',
      headers: { authorization: await stack.bearer('alice', 'engine'), 'x-upstream': upstream },
      pids: () => [stack.engine.pid, ...childrenOf(stack.engine.pid)],
      stop: () => stack[Symbol.asyncDispose](),
    };
  } catch (error) {
    await stack[Symbol.asyncDispose]();
    throw error;
  }
}

/** workerd with the same two modules, bound to one another. */
export async function startWorkerdFlow(upstream) {
  const { pid, ports, stop } = await startWorkerdWith([
    {
      name: 'flow',
      source: await source('flow-handler.mjs'),
      socket: true,
      router: true,
      mayReachPrivate: true,
    },
    { name: 'json', source: await source('handler.mjs') },
  ]);
  const headers = { 'x-upstream': upstream };
  return { name: 'workerd', host, port: ports.flow, prefix: '', headers, pids: () => [pid], stop };
}

/** Bare `node:http`; with `upstream` it is asked as a proxy. */
export async function startNodeFlow(upstream) {
  const child = fork(fileURLToPath(new URL('flow-http.mjs', import.meta.url)), { serialization: 'json' });
  const [{ port }] = await once(child, 'message');
  return {
    name: 'node:http',
    host,
    port,
    prefix: '',
    headers: upstream === undefined ? {} : { 'x-upstream': upstream },
    pids: () => [child.pid],
    stop: async () => {
      const exited = once(child, 'exit');
      child.kill();
      await exited;
    },
  };
}
