import { extractMain } from '@proxylet/artifact';
import { type Digest, type LockedProxylet, type Manifest, Problem } from '@proxylet/contract';
import type { GuestCode } from '@proxylet/sandbox';
import type { ArtifactStore } from '../store/artifact-store.js';
import { Coalescing } from './coalescing.js';
import { CodeCache } from './code-cache.js';
import type { OnProgress } from './progress.js';

/** Gives the bytes of a published archive, from wherever they come. */
export type Download = (digest: Digest) => AsyncIterable<Uint8Array>;

/** Characters of source text kept in memory, of all versions together. */
const codeCacheChars = 32 * 1024 * 1024;

/** Verified archives: from disk where they are sound, else from the catalog, each downloaded once however many ask. */
export class ArtifactSource {
  private readonly downloads = new Coalescing<void>();
  private readonly codes = new CodeCache(codeCacheChars);

  constructor(
    private readonly store: ArtifactStore,
    private readonly download: Download,
  ) {}

  /**
   * Makes sure that the archive is on disk and sound, and reads its manifest.
   *
   * @throws Problem `artifact-corrupt` or one of the catalog's; nothing is kept then
   */
  async obtain(locked: LockedProxylet, onProgress: OnProgress): Promise<Manifest> {
    const stored = (await this.store.has(locked.digest)) ? await this.stored(locked.digest) : undefined;
    if (stored !== undefined) return stored;
    await this.downloads.run(locked.digest, onProgress, (emit) => this.fetch(locked, emit));
    return this.manifestOf(locked.digest);
  }

  /** The main module of a version: from memory where it was read lately, else checked again as it comes from disk. */
  async code(digest: Digest): Promise<GuestCode> {
    const remembered = this.codes.get(digest);
    if (remembered !== undefined) return remembered;
    const { manifest, main } = await this.extract(digest);
    const code = { source: main, filename: `${manifest.name}@${manifest.version}/${manifest.main}` };
    this.codes.set(digest, code);
    return code;
  }

  /** JSON text of a version's source map, where its archive has one of at most `maxChars`. */
  async sourceMap(digest: Digest, maxChars: number): Promise<string | undefined> {
    const { sourceMap } = await extractMain(await this.store.read(digest));
    return sourceMap === undefined || sourceMap.length > maxChars ? undefined : sourceMap;
  }

  isStored(digest: Digest): Promise<boolean> {
    return this.store.has(digest);
  }

  /** Undefined where the stored bytes turned out to be damaged: they are gone then, to be fetched anew. */
  private async stored(digest: Digest): Promise<Manifest | undefined> {
    try {
      return await this.manifestOf(digest);
    } catch (error) {
      if (error instanceof Problem && error.code === 'artifact-corrupt') return undefined;
      throw error;
    }
  }

  private async fetch({ name, version, digest, sizeBytes }: LockedProxylet, emit: OnProgress): Promise<void> {
    const tell = (receivedBytes: number): void =>
      emit({ stage: 'fetching', proxylet: name, version, receivedBytes, totalBytes: sizeBytes });
    tell(0);
    await this.store.put(digest, sizeBytes, this.download(digest), tell);
  }

  private async manifestOf(digest: Digest): Promise<Manifest> {
    return (await this.extract(digest)).manifest;
  }

  /** What the catalog accepted but cannot be read here is damage of another kind: the digest is right, the archive is not. */
  private async extract(digest: Digest): Promise<{ manifest: Manifest; main: string }> {
    const bytes = await this.store.read(digest);
    return extractMain(bytes).catch((error: unknown) => {
      if (!(error instanceof Problem)) throw error;
      throw new Problem('artifact-corrupt', `The published archive cannot be read: ${error.detail}`, {
        cause: error,
      });
    });
  }
}
