import { type Manifest, type Permissions, permissionsOf } from '@proxylet/contract';

/** What lists and resolution need of a manifest, kept beside it so that neither reads manifests of 64 KB. */
export interface VersionFacts {
  readonly description?: string | undefined;
  readonly keywords?: readonly string[] | undefined;
  readonly license?: string | undefined;
  readonly runtime: { readonly type: string; readonly version: string };
  readonly capabilities: readonly string[];
  readonly dependencies: Readonly<Record<string, string>>;
  readonly permissions: Permissions;
}

export function factsOf(manifest: Manifest): VersionFacts {
  const { description, keywords, license, runtime } = manifest;
  return {
    description,
    keywords,
    license,
    runtime,
    capabilities: manifest.capabilities ?? [],
    dependencies: manifest.dependencies ?? {},
    permissions: permissionsOf(manifest),
  };
}

/** Reads what `factsOf` made and the tables kept. */
export function parseFacts(text: string): VersionFacts {
  return JSON.parse(text) as VersionFacts;
}
