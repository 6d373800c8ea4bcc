import { until } from '@proxylet/testing';
import { afterAll, describe, expect, it } from 'vitest';
import { CatalogWay } from '../support/catalog-way.js';
import { counter, hello, saying } from '../support/sources.js';
import { useStack } from '../support/use-stack.js';
import { Watch } from '../support/watch.js';

const way = new CatalogWay();
afterAll(() => way[Symbol.asyncDispose]());

const suite = useStack({ catalogUrlForEngine: way.between });
const users = ['alice', 'bob', 'paula', 'adam'] as const;

describe('four users who install the same at the same moment', () => {
  it('cause one download and get an installation each', async () => {
    const { stack } = suite;
    const { digest } = await stack.publish({
      name: 'race/one',
      source: counter,
      manifest: { capabilities: ['kv'] },
    });
    await Promise.all(users.map((user) => stack.install(user, 'race/one')));
    expect(way.downloads.filter((one) => one === digest)).toHaveLength(1);
    await Promise.all(users.map((user) => stack.run(user, 'race/one', '/', { method: 'POST' })));
    for (const user of users) {
      expect(await (await stack.run(user, 'race/one')).json()).toEqual({ count: 1, user });
    }
  });
});

describe('one user who sends the same install eight times', () => {
  it('has one installation and one download', async () => {
    const { stack } = suite;
    const { digest } = await stack.publish({ name: 'race/eager', source: hello });
    const answers = await Promise.all(Array.from({ length: 8 }, () => stack.install('alice', 'race/eager')));
    expect(new Set(answers.map((answer) => (answer as { id: string }).id)).size).toBe(1);
    expect(way.downloads.filter((one) => one === digest)).toHaveLength(1);
  });
});

describe('calls during an update', () => {
  it('are answered by the old or the new version, never by none, and keep their data', async () => {
    const { stack } = suite;
    await stack.deploy('alice', { name: 'race/update', source: saying('one') });
    await stack.publish({ name: 'race/update', version: '2.0.0', source: saying('two') });
    const watch = new Watch(stack, 'alice', 'race/update');
    await until(() => watch.calls > 0, { what: 'the old version answers' });
    await stack.install('alice', 'race/update', { version: '^2' });
    await until(() => watch.answers.has('two'), { what: 'the new version answers' });
    await watch.stop();
    expect(watch.failures).toEqual([]);
    expect([...watch.answers]).toEqual(['one', 'two']);
    expect(await (await stack.run('alice', 'race/update')).text()).toBe('two');
  });
});

describe('counting from many calls at once', () => {
  it('loses none', async () => {
    const { stack } = suite;
    await stack.deploy('alice', { name: 'race/count', source: counter, manifest: { capabilities: ['kv'] } });
    await Promise.all(
      Array.from({ length: 60 }, () => stack.run('alice', 'race/count', '/', { method: 'POST' })),
    );
    expect(await (await stack.run('alice', 'race/count')).json()).toMatchObject({ count: 60 });
  });
});
