import { describe, expect, it } from 'vitest';
import { expectProblem } from '../support/problem.js';
import { counter, saying } from '../support/sources.js';
import { useStack } from '../support/use-stack.js';

const suite = useStack({}, async (stack) => {
  await stack.deploy('alice', { name: 'acme/count', source: counter, manifest: { capabilities: ['kv'] } });
  await stack.publish({ name: 'acme/later', source: saying('later') });
  for (const user of ['alice', 'bob'] as const) await stack.token(user, 'engine');
});

async function count(method: 'GET' | 'POST'): Promise<unknown> {
  const response = await suite.stack.run('alice', 'acme/count', '/', { method });
  expect(response.status).toBe(200);
  return ((await response.json()) as { count: number }).count;
}

describe('an engine alone, with neither catalog nor IdM', () => {
  it('answers tokens issued before with installed proxylets, also after a restart', async () => {
    const { stack } = suite;
    expect(await count('POST')).toBe(1);
    await Promise.all([stack.catalog.stop(), stack.idm.stop()]);
    expect(await count('POST')).toBe(2);
    await stack.engine.restart();
    expect(await count('POST')).toBe(3);
  });

  it('answers them also after it was killed', async () => {
    await suite.stack.engine.kill();
    await suite.stack.engine.start();
    expect(await count('POST')).toBe(4);
  });

  it('still refuses what it would refuse otherwise', async () => {
    const { stack } = suite;
    await expectProblem(await stack.run('bob', 'acme/count'), 'not-installed');
    await expectProblem(await fetch(`${stack.engine.url}/run/acme/count/`), 'no-credentials');
  });

  it('says which part is away when something new is to be installed', async () => {
    await expect(suite.stack.install('alice', 'acme/later')).rejects.toMatchObject({
      status: 503,
      code: expect.stringMatching(/^(catalog|idm)-unavailable$/),
    });
  });

  it('is alive, and lists and describes what it has', async () => {
    const { stack } = suite;
    expect((await fetch(`${stack.engine.url}/health/live`)).status).toBe(200);
    const url = `${stack.engine.url}/v1/installations`;
    const { items } = (await stack.send('GET', url, 'alice', 'engine')) as { items: { name: string }[] };
    expect(items.map(({ name }) => name)).toEqual(['acme/count']);
  });

  it('installs again once both are back', async () => {
    const { stack } = suite;
    await Promise.all([stack.catalog.start(), stack.idm.start()]);
    await stack.install('alice', 'acme/later');
    expect(await (await stack.run('alice', 'acme/later')).text()).toBe('later');
  });
});

describe('a restart of the IdM', () => {
  it('leaves tokens issued before valid at an engine that asks for its keys anew', async () => {
    const { stack } = suite;
    await stack.idm.restart();
    await stack.engine.restart();
    expect(await count('GET')).toBe(4);
  });
});
