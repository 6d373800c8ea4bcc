import { digestOf, pack, packFolder } from '@proxylet/artifact';
import { type Digest, type Manifest, parseManifest } from '@proxylet/contract';

export interface ProxyletSource {
  readonly name: string;
  /** Default `1.0.0`. */
  readonly version?: string | undefined;
  /** Text of the main module. */
  readonly source: string;
  /** Further members of the manifest. */
  readonly manifest?: Readonly<Record<string, unknown>> | undefined;
  readonly files?: Readonly<Record<string, string>> | undefined;
}

export interface PackedProxylet {
  readonly bytes: Uint8Array;
  readonly digest: Digest;
  readonly manifest: Manifest;
}

/** The archive of a proxylet written down in a test; nothing is checked but the form of the manifest. */
export function packSource({
  name,
  version = '1.0.0',
  source,
  manifest,
  files = {},
}: ProxyletSource): PackedProxylet {
  const whole = parseManifest({
    name,
    version,
    runtime: { type: 'isolate', version: '^1' },
    main: 'index.js',
    ...manifest,
  });
  const entries = Object.entries({ [whole.main]: source, ...files });
  const bytes = pack(
    whole,
    entries.map(([path, text]) => ({ path, bytes: Buffer.from(text) })),
  );
  return { bytes, digest: digestOf(bytes), manifest: whole };
}

/** The archive of a folder that was built before, as an author would publish it. */
export async function packBuilt(folder: string): Promise<PackedProxylet> {
  const { bytes, digest, manifest } = await packFolder(folder);
  return { bytes, digest, manifest };
}
