import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { inWorkspace } from '@proxylet/testing';
import { expect, it } from 'vitest';

interface Report {
  readonly settings: object;
  readonly kinds: readonly { readonly kind: string; readonly p99Ratio: number }[];
}

it('fills catalogs by the real schema, asks every kind of question and tells the result as JSON', async () => {
  const file = inWorkspace('test/bench/catalog-scale.mjs');
  const args = [file, '--json', '--small', '100', '--large', '400', '--rounds', '1', '--requests', '20'];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  const { settings, kinds } = JSON.parse(stdout) as Report;
  expect(settings).toEqual({ small: 100, large: 400, rounds: 1, requests: 20, database: 'SQLite' });
  expect(kinds.length).toBeGreaterThanOrEqual(14);
  for (const { kind, p99Ratio } of kinds) expect([kind, p99Ratio > 0]).toEqual([kind, true]);
});
