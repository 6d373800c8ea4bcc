import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Folders of this one that hold a proxylet, in alphabetical order. */
export function proxyletFolders() {
  return readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(join(root, entry.name, 'proxylet.jsonc')))
    .map((entry) => join(root, entry.name))
    .toSorted();
}

/**
 * Bundles one proxylet to `<outFolder>/index.js`, one ES module without imports, with its source map beside it.
 * The same sources give the same bytes wherever the repository lies.
 */
export async function bundle(folder, outFolder = join(folder, 'dist')) {
  await build({
    absWorkingDir: folder,
    entryPoints: ['src/index.ts'],
    outfile: join(outFolder, 'index.js'),
    bundle: true,
    format: 'esm',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    target: 'es2023',
    charset: 'utf8',
    sourcemap: 'external',
    sourceRoot: '',
    logLevel: 'warning',
    plugins: await pluginsOf(folder),
  });
}

/** A proxylet that makes part of its sources at build time says how in its own `esbuild.mjs`. */
async function pluginsOf(folder) {
  const file = join(folder, 'esbuild.mjs');
  if (!existsSync(file)) return [];
  const { plugins } = await import(pathToFileURL(file).href);
  return plugins;
}
