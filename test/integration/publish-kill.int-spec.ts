import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { inWorkspace } from '@proxylet/testing';
import { expect, it } from 'vitest';

const rounds = 12;

it('kills of the catalog among publishes lose nothing that was acknowledged and leave nothing else', async () => {
  const script = inWorkspace('test/long/publish-kill.mjs');
  const args = [script, '--rounds', String(rounds)];
  // A fault ends it with exit code 1; its report says which.
  const { stdout } = await promisify(execFile)(process.execPath, args).catch((error: unknown) => {
    if (error instanceof Error && 'stdout' in error) return { stdout: String(error.stdout) };
    throw error;
  });
  const report = JSON.parse(stdout) as Record<string, unknown>;
  expect(report['faults']).toEqual([]);
  expect(report).toMatchObject({ kills: rounds });
  // The kills did fall into the work.
  expect(report['cutOff']).toBeGreaterThan(0);
  expect(report['acknowledged']).toBeGreaterThan(rounds);
}, 180_000);
