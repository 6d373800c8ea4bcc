import { pack } from '@proxylet/artifact';
import { parseManifest } from '@proxylet/contract';

export interface ArchiveWishes {
  readonly name: string;
  readonly version?: string;
  readonly main?: string;
  readonly readme?: string;
  /** A further file. */
  readonly data?: Buffer;
  /** Further members of the manifest. */
  readonly manifest?: Readonly<Record<string, unknown>>;
}

/** A sound archive; override only what the test is about. */
export function archiveOf({ name, version = '1.0.0', main, readme, data, manifest }: ArchiveWishes): Buffer {
  const parsed = parseManifest({ name, version, runtime: { type: 'isolate', version: '^1' }, ...manifest });
  const source = main ?? 'export default { fetch() { return new Response("ok"); } };';
  return Buffer.from(
    pack(parsed, [
      { path: parsed.main, bytes: Buffer.from(source) },
      ...(readme === undefined ? [] : [{ path: 'README.md', bytes: Buffer.from(readme) }]),
      ...(data === undefined ? [] : [{ path: 'data.bin', bytes: data }]),
    ]),
  );
}
