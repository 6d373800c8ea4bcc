import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { inWorkspace } from '@proxylet/testing';
import { expect, it } from 'vitest';

const positive = expect.toSatisfy(
  (value: unknown) => typeof value === 'number' && value > 0,
  'a number above 0',
);

it('tells how bodies flow through the product, through workerd and through node:http', async () => {
  const args = [inWorkspace('test/bench/main.mjs'), 'flow', '--json', '--rounds', '1', '--seconds', '0.2'];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  const { cases } = JSON.parse(stdout) as { cases: Record<string, { servers: Record<string, object> }> };
  expect(Object.keys(cases)).toHaveLength(9);
  for (const { servers } of Object.values(cases)) {
    for (const server of Object.values(servers)) {
      expect(server).toMatchObject({ rps: positive, mbPerS: positive, p50Ms: positive, errors: 0 });
    }
  }
});
