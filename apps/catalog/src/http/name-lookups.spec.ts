import { expect, it } from 'vitest';
import { checkedAddress } from './checked-address.js';
import { bounded } from './name-lookups.js';
import { TargetRefused } from './target-refused.js';

it('looks up so many names at once, lets so many wait, and refuses the rest', async () => {
  const answers: (() => void)[] = [];
  let most = 0;
  let running = 0;
  const resolve = bounded(
    async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise<void>((go) => answers.push(go));
      running -= 1;
      return ['192.0.2.1'];
    },
    3,
    5,
  );
  const lookups = Array.from({ length: 8 }, () => resolve('a.example'));
  await expect(resolve('a.example')).rejects.toThrow(TargetRefused);
  for (let done = 0; done < 8; done += 1) {
    await expect.poll(() => answers.length).toBeGreaterThan(done);
    answers[done]?.();
  }
  await Promise.all(lookups);
  expect(most).toBe(3);
  const again = resolve('b.example');
  answers.at(-1)?.();
  await expect.poll(() => answers.length).toBe(9);
  answers[8]?.();
  expect(await again).toEqual(['192.0.2.1']);
});

it('gives a place back that failed', async () => {
  const resolve = bounded(() => Promise.reject(new Error('no such name')), 1, 0);
  for (let turn = 0; turn < 3; turn += 1) await expect(resolve('a.example')).rejects.toThrow('no such name');
});

it('waits for a name no longer than its caller does', async () => {
  const policy = { allow: [], resolve: bounded(() => new Promise<never>(() => undefined), 1, 1) };
  const ask = () => checkedAddress(new URL('https://slow.example/'), policy, AbortSignal.timeout(30));
  await expect(ask()).rejects.toThrow('not resolved in time');
  await expect(ask()).rejects.toThrow('not resolved in time');
  await expect(ask()).rejects.toThrow('too many names');
});
