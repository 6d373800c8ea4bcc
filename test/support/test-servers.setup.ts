import { releaseTestServers } from '@proxylet/testing';

/** The servers of a test run are started by the first test that needs one, and let go here. */
export function setup(): void {
  // oxlint-disable-next-line node/no-process-env -- how a run tells its workers who it is
  process.env['PROXYLET_TEST_RUN'] = String(process.pid);
}

export async function teardown(): Promise<void> {
  await releaseTestServers();
}
