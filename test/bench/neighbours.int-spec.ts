import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { inWorkspace } from '@proxylet/testing';
import { expect, it } from 'vitest';

const positive = expect.toSatisfy(
  (value: unknown) => typeof value === 'number' && value > 0,
  'a number above 0',
);

async function bench(...args: readonly string[]): Promise<unknown> {
  const main = inWorkspace('test/bench/main.mjs');
  const { stdout } = await promisify(execFile)(process.execPath, [main, '--json', ...args]);
  return JSON.parse(stdout);
}

it('tells what idle installations take', async () => {
  expect(await bench('idle', '--installations', '12')).toMatchObject({
    bench: 'idle',
    settings: { installations: 12 },
    servers: { proxylet: { calledMbEach: positive, isolates: 12 }, workerd: { calledMbEach: positive } },
  });
});

it('tells how calls go beside a noisy neighbour, here and in workerd', async () => {
  const row = { p50Ms: positive, p99Ms: positive, calls: positive };
  expect(await bench('noisy', '--rounds', '1', '--seconds', '0.3')).toMatchObject({
    bench: 'noisy',
    servers: {
      proxylet: {
        quiet: row,
        'cpu, another namespace': row,
        'memory, another namespace': row,
        'cpu, the same namespace': row,
        'memory, the same namespace': row,
      },
      workerd: { quiet: row, cpu: row, memory: row },
    },
  });
});

it('tells what a call costs whose isolate is not there, here and in workerd', async () => {
  const row = { coldP50Ms: positive, coldP99Ms: positive, warmP50Ms: positive };
  expect(await bench('cold', '--rounds', '1')).toMatchObject({
    bench: 'cold',
    settings: { rounds: 1, calls: 40 },
    servers: { proxylet: row, workerd: row },
  });
});
