import { createRequire } from 'node:module';
import type Ivm from 'isolated-vm';

/**
 * Loads the native module by the path the engine gives: the package's own entry looks through folders that a
 * runner may not read.
 */
function load(): typeof Ivm {
  const path = process.argv[3];
  if (path === undefined) throw new Error('the path of the native module is missing');
  return (createRequire(path)(path) as { ivm: typeof Ivm }).ivm;
}

export const ivm: typeof Ivm = load();
