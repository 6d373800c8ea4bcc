import { createHash } from 'node:crypto';
import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { type Digest, type Manifest, manifestFileName, Problem } from '@proxylet/contract';
import { gzipSync } from 'fflate';
import { checkMain } from './check-main.js';
import { formatManifest, readManifestSource } from './manifest-text.js';
import { once } from './once.js';
import { type Archive, readArchive } from './read-archive.js';
import { show } from './refusal.js';
import { type TarFile, writeTar } from './tar-writer.js';

export interface PackedFolder {
  readonly bytes: Uint8Array;
  readonly digest: Digest;
  readonly manifest: Manifest;
  readonly files: Archive['files'];
}

const documents = /^(?:readme|changelog|licen[cs]e|notice)(?:[.-][a-z0-9.-]+)?$/i;

/**
 * Packs a source folder that was built before: manifest, main with its source map, README, CHANGELOG, licence.
 * Same files, same bytes on every machine: order, times, owners and the compressor are fixed.
 *
 * @throws Problem `manifest-missing`, `manifest-invalid`, `main-missing`, `main-invalid`, `archive-too-large`,
 *   `archive-entry-refused`: all that reading the archive would refuse is refused here
 */
export async function packFolder(folder: string): Promise<PackedFolder> {
  const manifest = await readManifest(folder);
  const main = await readInside(folder, manifest.main);
  if (main === undefined) {
    throw new Problem(
      'main-missing',
      `There is no ${show(manifest.main)}, which the manifest names as main; build it first.`,
    );
  }
  const files: TarFile[] = [{ path: manifest.main, bytes: main }];
  for (const path of [`${manifest.main}.map`, ...(await documentsOf(folder))]) {
    const bytes = await readInside(folder, path);
    if (bytes !== undefined && !files.some((file) => file.path === path)) files.push({ path, bytes });
  }
  const bytes = pack(manifest, files);
  const archive = await readArchive(once(bytes));
  checkMain(archive.main, manifest.main);
  return { bytes, digest: archive.digest, manifest: archive.manifest, files: archive.files };
}

/** The archive of a manifest and its files: the manifest first, so that a reader knows main when it comes. */
export function pack(manifest: Manifest, files: readonly TarFile[]): Uint8Array {
  const sorted = files.toSorted((a, b) => (a.path < b.path ? -1 : 1));
  return gzip(
    writeTar([{ path: manifestFileName, bytes: Buffer.from(formatManifest(manifest)) }, ...sorted]),
  );
}

/**
 * Compressed in JavaScript: zlib, as Node bundles it, chooses other matches on other processors, so the same
 * input gives other bytes there. `mem` is fixed because its default follows from a logarithm.
 */
function gzip(bytes: Uint8Array): Uint8Array {
  return gzipSync(bytes, { level: 9, mem: 8, mtime: 0 });
}

export function digestOf(bytes: Uint8Array): Digest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

async function readManifest(folder: string): Promise<Manifest> {
  for (const name of ['proxylet.jsonc', manifestFileName]) {
    const bytes = await readInside(folder, name);
    if (bytes !== undefined) return readManifestSource(bytes.toString('utf8'));
  }
  throw new Problem('manifest-missing', 'The folder has neither proxylet.jsonc nor proxylet.json.');
}

async function documentsOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  return entries.filter((entry) => entry.isFile() && documents.test(entry.name)).map((entry) => entry.name);
}

/** Undefined where there is none. A link that leads out of the folder is refused: it would publish another's file. */
async function readInside(folder: string, path: string): Promise<Buffer | undefined> {
  let target: string;
  try {
    target = await realpath(join(folder, path));
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR'))
      return undefined;
    throw error;
  }
  if (!target.startsWith((await realpath(folder)) + sep)) {
    throw new Problem(
      'archive-entry-refused',
      `The file ${show(path)} is a link that leads out of the folder.`,
    );
  }
  return (await stat(target)).isFile() ? await readFile(target) : undefined;
}
