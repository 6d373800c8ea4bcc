import { ensureBuilt } from './build.mjs';
import { ensureInstalled } from './install.mjs';
import { withSetupLock } from './lock.mjs';

/** What every command needs first: dependencies and built code. */
export async function setUp() {
  await withSetupLock(async () => {
    await ensureInstalled();
    await ensureBuilt();
  });
}
