import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RunnerSettings } from '../wire/runner-settings.js';

/** Files a runner reads; it may open nothing else. */
export interface RunnerFiles {
  readonly script: string;
  readonly prelude: string;
  readonly nativeModule: string;
}

export function runnerFiles(): RunnerFiles {
  const require = createRequire(import.meta.url);
  const packageFile = require.resolve('isolated-vm/package.json');
  // The package's own loader picks the binary for this platform, ABI and C library; here it only tells the path.
  const { path } = createRequire(packageFile)('node-gyp-build') as { path: (folder: string) => string };
  return {
    script: fileURLToPath(new URL('../../dist/runner/runner.cjs', import.meta.url)),
    prelude: fileURLToPath(new URL('../../dist/guest/prelude.js', import.meta.url)),
    nativeModule: path(dirname(packageFile)),
  };
}

/**
 * Arguments of a runner process. `--no-node-snapshot` is asked for by isolated-vm's README: without it the process
 * may crash. The permission model takes away files, child processes and workers, but not the network.
 *
 * @param wasmMaxPages makes it a runner with WebAssembly: the most pages of one memory
 */
export function runnerArguments(
  files: RunnerFiles,
  settings: RunnerSettings,
  wasmMaxPages?: number,
): string[] {
  return [
    '--no-node-snapshot',
    ...(wasmMaxPages === undefined ? [] : wasmSwitches(wasmMaxPages)),
    '--permission',
    '--allow-addons',
    ...Object.values(files).map((path) => `--allow-fs-read=${path}`),
    '--disable-warning=SecurityWarning',
    files.script,
    files.prelude,
    files.nativeModule,
    JSON.stringify({ ...settings, hasWasm: wasmMaxPages !== undefined } satisfies RunnerSettings),
  ];
}

/** What V8 itself enforces where WebAssembly is; the guest's side of it is `guest/wasm`. */
function wasmSwitches(maxPages: number): string[] {
  return [
    `--wasm-max-mem-pages=${maxPages}`,
    '--wasm-max-table-size=1000000',
    '--wasm-max-module-size=16777216',
    '--wasm-max-committed-code-mb=256',
    // For the prelude, which takes it from the global before any guest code runs.
    '--expose-gc',
  ];
}
