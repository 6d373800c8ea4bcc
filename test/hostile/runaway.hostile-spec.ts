import { childrenOf, cpuTimeMs, until } from '@proxylet/testing';
import { describe, expect, it } from 'vitest';
import { attacks, limitsOf } from '../support/attack-list.js';
import { attackSource } from '../support/attacks.js';
import { expectProblem } from '../support/problem.js';
import { hello } from '../support/sources.js';
import { useStack } from '../support/use-stack.js';
import { Watch } from '../support/watch.js';

const suite = useStack({}, async (stack) => {
  await stack.deploy('bob', { name: 'good/hello', source: hello });
  for (const attack of attacks) {
    await stack.deploy('alice', {
      name: `evil/${attack.name}`,
      source: attackSource(attack),
      manifest: {
        limits: limitsOf(attack),
        capabilities: ['kv'],
      },
    });
  }
});

describe('while a proxylet of another namespace is called all the time', () => {
  it.each(attacks)(
    '$name gets a clear answer, harms nobody, and works again within 2 s',
    async ({ name, answers }) => {
      const { stack } = suite;
      const enginePid = stack.engine.pid;
      const watch = new Watch(stack, 'bob', 'good/hello');
      try {
        await expectProblem(await stack.run('alice', `evil/${name}`, '/attack'), ...answers);
        const endMs = performance.now() + 2000;
        const calm = await stack.run('alice', `evil/${name}`, '/calm', { signal: AbortSignal.timeout(2000) });
        expect(await calm.text()).toBe('calm');
        expect(performance.now()).toBeLessThan(endMs);
      } finally {
        await watch.stop();
      }
      expect(watch.calls).toBeGreaterThan(0);
      expect(watch.failures).toEqual([]);
      expect(stack.engine.pid).toBe(enginePid);
    },
  );

  it('all attacks at once change nothing of that', async () => {
    const { stack } = suite;
    const enginePid = stack.engine.pid;
    const watch = new Watch(stack, 'bob', 'good/hello');
    const answers = await Promise.all(
      attacks.map(({ name }) => stack.run('alice', `evil/${name}`, '/attack')),
    );
    for (const answer of answers)
      expect((await expectProblem(answer, ...every, 'runner-lost')).detail).not.toBe('');
    const calm = await Promise.all(attacks.map(({ name }) => stack.run('alice', `evil/${name}`, '/calm')));
    for (const answer of calm) expect(await answer.text()).toBe('calm');
    await watch.stop();
    expect(watch.failures).toEqual([]);
    expect(stack.engine.pid).toBe(enginePid);
  });
});

const every = [...new Set(attacks.flatMap(({ answers }) => answers))];

describe('after the attacks', () => {
  it('nothing of them goes on: the engine and its runners come to rest', async () => {
    const { pid } = suite.stack.engine;
    const busyMs = (): number =>
      [pid, ...childrenOf(pid)].reduce((sum, process) => sum + (cpuTimeMs(process) ?? 0), 0);
    await until(
      async () => {
        const before = busyMs();
        await new Promise((resolve) => {
          setTimeout(resolve, 400);
        });
        return busyMs() - before < 100;
      },
      { what: 'the engine and its runners use less than a quarter of a core' },
    );
  });
});
