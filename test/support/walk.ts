import { readFile } from 'node:fs/promises';
import { inWorkspace } from '@proxylet/testing';

/** The lines of the README that a newcomer is told to type: the `sh` block after `<!-- walk -->`, as they stand. */
export async function readWalk(): Promise<string[]> {
  const readme = await readFile(inWorkspace('README.md'), 'utf8');
  const block = /<!-- walk -->\s*```sh\n([\s\S]*?)\n```/.exec(readme)?.[1];
  if (block === undefined) throw new Error('README.md has no sh block after <!-- walk -->');
  return block.split('\n');
}
