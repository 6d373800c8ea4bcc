import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { inWorkspace } from '@proxylet/testing';
import { expect, it } from 'vitest';

const positive = expect.toSatisfy(
  (value: unknown) => typeof value === 'number' && value > 0,
  'a number above 0',
);

const server = {
  rps: positive,
  p50Ms: positive,
  p99Ms: positive,
  cpuUs: positive,
  clientCpuUs: positive,
  requests: positive,
  errors: 0,
};
const ratios = { rps: positive, p50Ms: positive, p99Ms: positive, cpuUs: positive };

it('measures the product, workerd and node:http in one run and tells it as JSON', async () => {
  const args = [inWorkspace('test/bench/main.mjs'), 'run', '--json', '--rounds', '1', '--seconds', '1'];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  expect(JSON.parse(stdout)).toEqual({
    bench: 'run',
    settings: { seconds: 1, rounds: 1, connections: 32 },
    servers: { proxylet: server, workerd: server, 'node:http': server },
    ratios: { workerd: ratios, 'node:http': ratios },
    goals: { workerd: { rps: 1.5, cpuUs: 0.75, p99Ms: 0.2 } },
  });
});
