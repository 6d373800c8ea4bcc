import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { bundle } from './bundle.mjs';

/** Bundles a folder of `catalog-data` as it ships and gives the default export of the bundle. */
export async function importBundle<T>(name: string): Promise<T> {
  const out = await mkdtemp(join(tmpdir(), 'proxylet-bundle-'));
  try {
    await bundle(fileURLToPath(new URL(`../${name}`, import.meta.url)), out);
    const module = (await import(pathToFileURL(join(out, 'index.js')).href)) as { default: T };
    return module.default;
  } finally {
    await rm(out, { recursive: true });
  }
}
