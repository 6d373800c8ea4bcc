// Bundles what runs beyond the process wall: the guest prelude (one script, evaluated in each isolate before any
// guest code) and the runner (one file, so that a runner needs to read only its own folder).
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

await build({
  entryPoints: [here('guest/boot.ts')],
  outfile: here('dist/guest/prelude.js'),
  bundle: true,
  format: 'iife',
  platform: 'neutral',
  conditions: ['import'],
  mainFields: ['module', 'main'],
  target: 'es2023',
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'none',
  tsconfig: here('guest/tsconfig.json'),
});

await build({
  entryPoints: [here('src/runner/main.ts')],
  outfile: here('dist/runner/runner.cjs'),
  bundle: true,
  format: 'cjs',
  platform: 'node',
  target: 'node24',
  external: ['*.node'],
  sourcemap: 'inline',
  legalComments: 'none',
});

const prelude = await readFile(here('dist/guest/prelude.js'));
const hash = createHash('sha256').update(prelude).digest('hex');
await writeFile(here('dist/guest/prelude.sha256'), `${hash}\n`);
