import { createReadStream } from 'node:fs';
import type { Manifest } from '@proxylet/contract';
import { type ArchiveLimits, defaultLimits } from './limits.js';
import { type Archive, type ArchiveSink, readArchive } from './read-archive.js';

export interface ExtractedMain extends Archive {
  /** JSON text of `<main>.map`, where the archive has one of at most 16 MiB. */
  readonly sourceMap: string | undefined;
  /** Text of the README at the root, where there is one of at most 256 KiB. */
  readonly readme: string | undefined;
}

export interface ExtractOptions {
  readonly limits?: ArchiveLimits;
  readonly onManifest?: ((manifest: Manifest) => void) | undefined;
  /** Whether the source map is wanted; true where nothing is said. It may be as large as everything else. */
  readonly withSourceMap?: boolean;
}

const sourceMapMaxBytes = 16 * 1024 * 1024;
const readmeMaxBytes = 256 * 1024;
const readmeName = /^readme(?:\.(?:md|markdown|txt))?$/i;

/**
 * What an engine or a catalog needs of an archive: manifest, main module, its source map, README. Reads a file by
 * its path, bytes in memory or as they arrive, with the same checks as `readArchive`. Compare `digest` before you trust the rest.
 *
 * @throws Problem as `readArchive`; an error of the file system passes through as it is
 */
export async function extractMain(
  archive: string | Uint8Array | AsyncIterable<Uint8Array>,
  { limits = defaultLimits, onManifest, withSourceMap = true }: ExtractOptions = {},
): Promise<ExtractedMain> {
  const source = typeof archive === 'string' ? createReadStream(archive) : archive;
  const maps = new Map<string, Buffer[]>();
  const readmes = new Map<string, Buffer[]>();
  const sink: ArchiveSink = ({ path, sizeBytes }) => {
    if (readmeName.test(path) && sizeBytes <= readmeMaxBytes) return collect(readmes, path);
    if (withSourceMap && path.endsWith('.map') && sizeBytes <= sourceMapMaxBytes && maps.size === 0)
      return collect(maps, path);
    return undefined;
  };
  const result = await readArchive(source, limits, sink, onManifest);
  return {
    ...result,
    sourceMap: text(maps.get(`${result.manifest.main}.map`)),
    readme: text([...readmes.values()][0]),
  };
}

function collect(into: Map<string, Buffer[]>, path: string): (chunk: Uint8Array) => void {
  const chunks: Buffer[] = [];
  into.set(path, chunks);
  return (chunk) => {
    chunks.push(Buffer.from(chunk));
  };
}

function text(chunks: readonly Buffer[] | undefined): string | undefined {
  return chunks === undefined ? undefined : Buffer.concat(chunks).toString('utf8');
}
