import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { inWorkspace, sharedServer } from '@proxylet/testing';
import { expect, it } from 'vitest';

const hasServers =
  (await sharedServer('postgres')) !== undefined && (await sharedServer('rgw')) !== undefined;

// The whole of it is `node test/long/replicas.mjs`.
it.runIf(hasServers)(
  'two replicas lose no version, race no number twice and tell all in one order',
  async () => {
    const args = [inWorkspace('test/long/replicas.mjs'), '--versions', '10'];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    expect(JSON.parse(stdout)).toMatchObject({
      versions: 160,
      statuses: { 201: 160, 409: 16 },
      faults: [],
    });
  },
);
