import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { inWorkspace } from '@proxylet/testing';
import { expect, it } from 'vitest';

it('gives no wrong answer under mixed load, changes and kills of runners', { timeout: 180_000 }, async () => {
  const args = [inWorkspace('test/long/soak.mjs'), '--seconds', '15'];
  const { stdout } = await promisify(execFile)(process.execPath, args).catch((error: unknown) => {
    // Ended with a code of its own: what it printed tells why.
    if (error instanceof Error && 'stdout' in error) return error as Error & { stdout: string };
    throw error;
  });
  const report = JSON.parse(stdout) as Record<string, unknown>;
  expect(report['faults']).toEqual([]);
  expect(report).toMatchObject({ installations: 52, wrongAnswers: 0, engineRestarts: 0 });
  expect(report['calls']).toBeGreaterThan(100);
  expect(report['kills']).toBeGreaterThan(0);
});
