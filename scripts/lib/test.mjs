import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runNode } from './command.mjs';
import { root } from './paths.mjs';

/** Runs vitest with `args` on everything and gives its exit code and counts. */
export async function test(args) {
  const folder = mkdtempSync(join(tmpdir(), 'proxylet-tally-'));
  const tally = join(folder, 'tally.json');
  try {
    const vitest = [join(root, 'node_modules/vitest/vitest.mjs'), 'run'];
    const reporters = ['--reporter=default', `--reporter=${join(root, 'scripts/lib/tally-reporter.mjs')}`];
    const env = { ...process.env, PROXYLET_TEST_TALLY: tally };
    const { code } = await runNode([...vitest, ...reporters, ...args], { output: 'inherit', env });
    return { code, ...readTally(tally, code) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A run that ended without a tally failed as a whole. */
function readTally(path, code) {
  try {
    const { passed, failed } = JSON.parse(readFileSync(path, 'utf8'));
    return { passed, failed: code !== 0 && failed === 0 ? 1 : failed };
  } catch {
    return { passed: 0, failed: 1 };
  }
}
