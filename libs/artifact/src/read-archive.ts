import { createHash } from 'node:crypto';
import { type Digest, type Manifest, manifestFileName, manifestMaxBytes, Problem } from '@proxylet/contract';
import { gunzip, gunzipSmall, PackedBytes } from './gunzip.js';
import { type ArchiveLimits, defaultLimits } from './limits.js';
import { readManifestBytes } from './manifest-text.js';
import { once } from './once.js';
import { faultOfPath, foldPath, PathBook } from './path-rules.js';
import { archiveInvalid, archiveTooLarge, entryRefused, show } from './refusal.js';
import { type TarEntry, tarEntries } from './tar-reader.js';

export interface ArchiveFile {
  readonly path: string;
  readonly sizeBytes: number;
  /** Hex. */
  readonly sha256: string;
}

export interface Archive {
  readonly manifest: Manifest;
  /** Of the packed bytes: the identity of the version. */
  readonly digest: Digest;
  readonly packedBytes: number;
  /** In the order of the archive. */
  readonly files: readonly ArchiveFile[];
  /** Source text of the main module. */
  readonly main: string;
}

/** Asked once per file; what it returns gets the file's bytes as they come. */
export type ArchiveSink = (file: {
  readonly path: string;
  readonly sizeBytes: number;
}) => ((chunk: Uint8Array) => void) | undefined;

/**
 * Reads and checks an archive that anybody may have made, in one pass and bounded memory. Nothing is written
 * anywhere. When it resolves, every byte of the source was seen and is accounted for.
 *
 * @param onManifest gets the manifest as soon as it came; what it throws ends the reading
 * @throws Problem `archive-invalid`, `archive-too-large`, `archive-entry-refused`, `manifest-missing`,
 *   `manifest-invalid`, `main-missing`, `main-invalid`; an error of the source passes through as it is
 */
export async function readArchive(
  source: Uint8Array | AsyncIterable<Uint8Array>,
  limits: ArchiveLimits = defaultLimits,
  sink: ArchiveSink = () => undefined,
  onManifest: (manifest: Manifest) => void = () => undefined,
): Promise<Archive> {
  const packed = new PackedBytes(limits);
  const contents = new Contents(limits, sink, onManifest);
  const tar = unpacked(source, packed, limits);
  for await (const entry of tarEntries(tar, limits)) await contents.take(entry);
  return { ...contents.finish(), digest: packed.digest(), packedBytes: packed.bytes };
}

function unpacked(
  source: Uint8Array | AsyncIterable<Uint8Array>,
  packed: PackedBytes,
  limits: ArchiveLimits,
): AsyncIterable<Uint8Array> {
  if (!(source instanceof Uint8Array)) return gunzip(source, packed, limits);
  const small = gunzipSmall(source, packed, limits);
  return small === undefined ? gunzip(once(source), packed, limits) : once(small);
}

class Contents {
  private readonly files: ArchiveFile[] = [];
  private readonly paths = new PathBook();
  private manifest: Manifest | undefined;
  /** Files that may turn out to be main; after the manifest only main itself. */
  private readonly held = new Map<string, Buffer>();
  private heldBytes = 0;

  constructor(
    private readonly limits: ArchiveLimits,
    private readonly sink: ArchiveSink,
    private readonly onManifest: (manifest: Manifest) => void,
  ) {}

  async take(entry: TarEntry): Promise<void> {
    const path = this.admit(entry);
    if (path === undefined || !entry.isFile) return;
    const { sizeBytes } = entry;
    if (sizeBytes > this.limits.fileBytes) {
      throw archiveTooLarge(
        `The entry ${show(path)} is larger than ${this.limits.fileBytes} bytes.`,
        'file-size',
      );
    }
    const keep = this.shouldHold(path, sizeBytes) ? Buffer.alloc(sizeBytes) : undefined;
    const sink = this.sink({ path, sizeBytes });
    const hash = createHash('sha256');
    let at = 0;
    for await (const chunk of entry.content) {
      hash.update(chunk);
      keep?.set(chunk, at);
      sink?.(chunk);
      at += chunk.byteLength;
    }
    this.files.push({ path, sizeBytes, sha256: hash.digest('hex') });
    if (keep !== undefined) this.keep(path, keep);
  }

  /** The path as we name it; undefined for the root folder itself, which tar writes as `./`. */
  private admit({ path: raw, isFile }: TarEntry): string | undefined {
    const trimmed = raw.startsWith('./') ? raw.slice(2) : raw;
    const path = isFile ? trimmed : trimmed.replace(/\/$/, '');
    if (!isFile && (path === '' || path === '.')) return undefined;
    const fault = faultOfPath(path, this.limits);
    if (fault !== undefined) throw entryRefused(raw, fault.why, fault.rule);
    this.paths.add(path, isFile);
    return path;
  }

  private shouldHold(path: string, sizeBytes: number): boolean {
    if (path === manifestFileName) {
      if (sizeBytes <= manifestMaxBytes) return true;
      throw new Problem('manifest-invalid', `The manifest is larger than ${manifestMaxBytes} bytes.`);
    }
    if (this.manifest !== undefined) {
      if (path !== this.manifest.main) return false;
      if (sizeBytes <= this.limits.mainBytes) return true;
      throw mainTooLarge(path, this.limits);
    }
    const isCandidate = /\.[cm]?js$/.test(path) && sizeBytes <= this.limits.mainBytes;
    return isCandidate && this.heldBytes + sizeBytes <= this.limits.heldBytes;
  }

  private keep(path: string, bytes: Buffer): void {
    if (path !== manifestFileName) {
      this.held.set(path, bytes);
      this.heldBytes += bytes.byteLength;
      return;
    }
    this.manifest = readManifestBytes(bytes);
    this.onManifest(this.manifest);
    for (const other of this.held.keys()) if (other !== this.manifest.main) this.held.delete(other);
  }

  finish(): Pick<Archive, 'manifest' | 'files' | 'main'> {
    if (this.manifest === undefined) throw this.manifestMissing();
    return { manifest: this.manifest, files: this.files, main: this.mainText(this.manifest.main) };
  }

  private manifestMissing(): Problem {
    const near = this.files.find(
      ({ path }) => foldPath(path).split('/').at(-1)?.startsWith('proxylet.json') === true,
    );
    const hint = near === undefined ? '' : ` (it has ${show(near.path)})`;
    return new Problem('manifest-missing', `The archive has no ${manifestFileName} at its root${hint}.`);
  }

  private mainText(path: string): string {
    const bytes = this.held.get(path);
    if (bytes === undefined) {
      const file = this.files.find((candidate) => candidate.path === path);
      if (file === undefined) {
        throw new Problem(
          'main-missing',
          `The archive lacks ${show(path)}, which its manifest names as main.`,
        );
      }
      if (file.sizeBytes > this.limits.mainBytes) throw mainTooLarge(path, this.limits);
      throw archiveInvalid(
        `Put ${manifestFileName} before the other files of the archive: main came too early to be kept.`,
        'manifest-order',
      );
    }
    try {
      return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    } catch (error) {
      throw new Problem('main-invalid', `The main module ${show(path)} is not UTF-8 text.`, { cause: error });
    }
  }
}

function mainTooLarge(path: string, limits: ArchiveLimits): Problem {
  return new Problem(
    'main-invalid',
    `The main module ${show(path)} is larger than ${limits.mainBytes} bytes.`,
  );
}
