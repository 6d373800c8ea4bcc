import { expect, it } from 'vitest';
import { until } from './until.js';

it('gives what the look finds as soon as it finds it', async () => {
  let looks = 0;
  const found = await until(() => ((looks += 1) === 3 ? 'found' : undefined), {
    what: 'third look',
    everyMs: 1,
  });
  expect(found).toBe('found');
  expect(looks).toBe(3);
});

it('says what it waited for, and what the look threw last', async () => {
  const waiting = until(
    () => {
      throw new Error('not yet');
    },
    { what: 'the moon', timeoutMs: 20, everyMs: 1 },
  );
  await expect(waiting).rejects.toMatchObject({
    message: 'Waited 20 ms in vain: the moon',
    cause: expect.objectContaining({ message: 'not yet' }),
  });
});
