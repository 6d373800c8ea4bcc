// Bundles what runs beyond the process wall: the guest prelude (one script, evaluated in each isolate before any
// guest code) and the runner (one file, so that a runner needs to read only its own folder).
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const fileOf = (specifier) => fileURLToPath(import.meta.resolve(specifier));

/** Tables of legacy encodings lie in the runner and reach a guest when it needs them. */
const encodingTables = {
  name: 'encoding-tables',
  setup({ onResolve }) {
    onResolve({ filter: /multi-byte\.encodings\.cjs$/ }, () => ({ path: here('guest/encoding-tables.ts') }));
    onResolve({ filter: /^proxylet:encodings$/ }, () => ({
      path: join(dirname(fileOf('@exodus/bytes/encoding.js')), 'fallback/multi-byte.encodings.json'),
    }));
  },
};

/**
 * The streams library hands a chunk on within `enqueue` where a pipe waits for one; the standard has it done in a
 * microtask (Streams §4.9.1, `ReadableStreamPipeTo`). Ends the build where another version reads otherwise.
 */
const pipeLater = {
  name: 'pipe-later',
  setup({ onLoad }) {
    const given =
      '_chunkSteps(t){this._state._currentWrite=f(Yt(this._state._writer,t),void 0,e),this._resolvePromise(!1)}';
    const wanted =
      '_chunkSteps(t){this._state._currentWrite=f(c(void 0),()=>f(Yt(this._state._writer,t),void 0,e)),this._resolvePromise(!1)}';
    onLoad({ filter: /web-streams-polyfill.dist.ponyfill\.mjs$/ }, async ({ path }) => {
      const text = await readFile(path, 'utf8');
      if (text.split(given).length !== 2)
        throw new Error('the streams library is not the one this was written for');
      return { contents: text.replace(given, () => wanted), loader: 'js' };
    });
  },
};

await build({
  entryPoints: [here('guest/boot.ts')],
  outfile: here('dist/guest/prelude.js'),
  bundle: true,
  format: 'iife',
  platform: 'neutral',
  conditions: ['import'],
  mainFields: ['module', 'main'],
  target: 'es2023',
  minify: true,
  legalComments: 'none',
  tsconfig: here('guest/tsconfig.json'),
  plugins: [encodingTables, pipeLater],
});

await build({
  entryPoints: [here('src/runner/main.ts')],
  outfile: here('dist/runner/runner.cjs'),
  bundle: true,
  format: 'cjs',
  platform: 'node',
  target: 'node24',
  external: ['*.node'],
  plugins: [encodingTables],
  loader: { '.json': 'text' },
  sourcemap: 'inline',
  legalComments: 'none',
});

const prelude = await readFile(here('dist/guest/prelude.js'));
const hash = createHash('sha256').update(prelude).digest('hex');
await writeFile(here('dist/guest/prelude.sha256'), `${hash}\n`);
