import { childrenOf, isAlive, until } from '@proxylet/testing';
import { expect, it } from 'vitest';
import { expectProblem } from '../support/problem.js';
import { counter, hello } from '../support/sources.js';
import { useStack } from '../support/use-stack.js';

const waiting = `let started = 0;
export default {
  fetch(request) {
    if (new URL(request.url).pathname === '/started') return Response.json(started);
    started += 1;
    return new Promise(() => undefined);
  },
};`;

const begun = `export default {
  fetch: () => new Response(new ReadableStream({
    start(controller) { controller.enqueue(new TextEncoder().encode('begun')); },
  })),
};`;

const suite = useStack({}, async (stack) => {
  await stack.deploy('alice', { name: 'one/hello', source: hello });
  await stack.deploy('alice', { name: 'two/count', source: counter, manifest: { capabilities: ['kv'] } });
  await stack.deploy('alice', { name: 'three/waiting', source: waiting });
  await stack.deploy('alice', { name: 'three/begun', source: begun });
});

/** Kills all there are: those that run something, and the spare. */
async function killRunners(): Promise<void> {
  const { pid } = suite.stack.engine;
  await until(() => childrenOf(pid).length > 1, { what: 'a spare runner is there' });
  for (const runner of childrenOf(pid)) process.kill(runner, 'SIGKILL');
}

/** A call that meets a runner before its death was noticed may still be lost; two seconds later none is. */
async function answers(name: string): Promise<string> {
  return until(
    async () => {
      const response = await suite.stack.run('alice', name);
      if (response.status === 200) return response.text();
      await expectProblem(response, 'runner-lost');
      return undefined;
    },
    { what: `${name} answers again`, timeoutMs: 2000 },
  );
}

it('the death of every runner at once is a clear answer, and the next calls work with their data', async () => {
  const { stack } = suite;
  const enginePid = stack.engine.pid;
  await stack.run('alice', 'two/count', '/', { method: 'POST' });
  // A call that may be made twice would be made again on a fresh runner, and wait there.
  const inFlight = stack.run('alice', 'three/waiting', '/', { method: 'POST' });
  const stream = await stack.run('alice', 'three/begun');
  const reader = stream.body?.getReader();
  expect(new TextDecoder().decode((await reader?.read())?.value)).toBe('begun');
  await until(async () => (await (await stack.run('alice', 'three/waiting', '/started')).json()) === 1, {
    what: 'the call starts',
  });
  await killRunners();
  const lost = await inFlight;
  expect(lost.headers.get('retry-after')).toBe('1');
  await expectProblem(lost, 'runner-lost');
  await expect(reader?.read()).rejects.toThrow();
  expect(await answers('one/hello')).toBe('hello');
  expect(JSON.parse(await answers('two/count'))).toMatchObject({ count: 1 });
  expect(stack.engine.pid).toBe(enginePid);
});

it('runners that are killed again and again are replaced each time', async () => {
  for (let i = 0; i < 5; i += 1) {
    await killRunners();
    expect(await answers('one/hello')).toBe('hello');
  }
});

it('no runner outlives an engine that is killed', async () => {
  const { stack } = suite;
  await stack.run('alice', 'one/hello');
  const runners = childrenOf(stack.engine.pid);
  expect(runners.length).toBeGreaterThan(0);
  await stack.engine.kill();
  await until(() => runners.every((pid) => !isAlive(pid)), { what: 'the runners end', timeoutMs: 5000 });
  await stack.engine.start();
  expect(await (await stack.run('alice', 'one/hello')).text()).toBe('hello');
});
