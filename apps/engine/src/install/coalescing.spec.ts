import { expect, test } from 'vitest';
import { Coalescing, KeyedQueue, mapLimited } from './coalescing.js';
import type { Progress } from './progress.js';

const stage = (proxylet: string): Progress => ({ stage: 'verified', proxylet, version: '1.0.0' });

test('runs equal work once and tells everybody of its progress', async () => {
  const work = new Coalescing<number>();
  const gate = Promise.withResolvers<number>();
  const seen: string[] = [];
  let runs = 0;
  const start = (who: string) =>
    work.run(
      'key',
      (progress) => seen.push(`${who} ${'proxylet' in progress ? progress.proxylet : ''}`),
      async (emit) => {
        runs += 1;
        emit(stage('a'));
        const result = await gate.promise;
        emit(stage('b'));
        return result;
      },
    );
  const both = [start('one'), start('two')];
  gate.resolve(7);
  expect(await Promise.all(both)).toEqual([7, 7]);
  expect(runs).toBe(1);
  expect(seen).toEqual(['one a', 'two a', 'one b', 'two b']);
  expect(await start('three')).toBe(7);
  expect(runs).toBe(2);
});

test('keeps one order per key and none between keys', async () => {
  const queue = new KeyedQueue();
  const events: string[] = [];
  const first = Promise.withResolvers<void>();
  const a1 = queue.run('a', async () => {
    await first.promise;
    events.push('a1');
  });
  const a2 = queue.run('a', async () => void events.push('a2'));
  await queue.run('b', async () => void events.push('b'));
  first.resolve();
  await Promise.all([a1, a2]);
  expect(events).toEqual(['b', 'a1', 'a2']);
});

test('goes on after a failure', async () => {
  const queue = new KeyedQueue();
  const failing = queue.run('a', () => Promise.reject(new Error('no')));
  const next = queue.run('a', async () => 'yes');
  await expect(failing).rejects.toThrow('no');
  expect(await next).toBe('yes');
});

test('refuses to line up without bound', async () => {
  const queue = new KeyedQueue();
  const gate = Promise.withResolvers<void>();
  const waiting = Array.from({ length: 16 }, () => queue.run('a', () => gate.promise));
  await expect(queue.run('a', async () => undefined)).rejects.toMatchObject({ code: 'installation-busy' });
  gate.resolve();
  await Promise.all(waiting);
  await queue.run('a', async () => undefined);
});

test('does not start what comes after a failure', async () => {
  const started: number[] = [];
  const work = mapLimited([1, 2, 3, 4, 5], 2, async (item) => {
    started.push(item);
    if (item === 1) throw new Error('first');
    return item;
  });
  await expect(work).rejects.toThrow('first');
  expect(started).toEqual([1, 2]);
  expect(await mapLimited([1, 2, 3], 2, async (item) => item * 2)).toEqual([2, 4, 6]);
});
