/**
 * What an admin runs on the box beside the engine: `break-glass`. One sentence on standard error and exit code 64 where
 * it was called wrongly.
 */
import { join } from 'node:path';
import { makeCode } from './break-glass/one-time-code.js';
import { loadEngineConfig } from './engine.config.js';

const [command, ...rest] = process.argv.slice(2);
if (command === 'break-glass' && rest.length === 0) {
  const { stateDir } = loadEngineConfig();
  const code = await makeCode(join(stateDir, 'engine'));
  process.stdout.write(`${code}\n`);
} else {
  process.stderr.write('proxylet-engine: Say break-glass, or nothing to start the engine.\n');
  process.exitCode = 64;
}
