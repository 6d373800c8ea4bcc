import type { Digest, InstallationState, Manifest, Permissions } from '@proxylet/contract';

/** Owner key of installations with `scope: shared`: one per engine, callable by every user of it. */
export const sharedOwnerKey = 'shared';

/** Whose an installation is. */
export interface Owner {
  /** Principal key, or `sharedOwnerKey`. */
  readonly key: string;
  readonly issuer: string;
  readonly subject: string;
}

/** One proxylet of one owner on this engine, as it is kept in the database. */
export interface Installation {
  /** Random; names its key-value data, logs and meter, and is never given again. */
  readonly id: string;
  readonly owner: Owner;
  /** `namespace/name`. */
  readonly name: string;
  readonly version: string;
  readonly digest: Digest;
  readonly sizeBytes: number;
  /** Counts changes; id and generation together name the isolate. */
  readonly generation: number;
  readonly manifest: Manifest;
  readonly granted: Permissions;
  /** Settings as its user gave them; undefined where none were given. `env.CONFIG` adds the manifest's defaults. */
  readonly config: Readonly<Record<string, unknown>> | undefined;
  /** Principal key of whoever consented. */
  readonly consentedBy: string;
  /** Whether its owner asked for it by name; false for one that came along for another. */
  readonly isDirect: boolean;
  /** Services it was installed for. */
  readonly services: readonly string[];
  readonly state: InstallationState;
  readonly reason: string;
  /** Since when it is in this state. */
  readonly sinceMs: number;
  readonly previous: { readonly version: string; readonly digest: Digest } | undefined;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

/** Names of the installations in `all` that need `name` as a dependency. */
export function dependentsOf(name: string, all: readonly Installation[]): string[] {
  return all
    .filter((other) => other.name !== name && Object.hasOwn(other.manifest.dependencies ?? {}, name))
    .map((other) => other.name);
}

/**
 * What goes along when `name` is removed: whatever is then reached from nothing that its owner asked for by name or
 * by service.
 */
export function removedAlong(name: string, all: readonly Installation[]): Installation[] {
  const remaining = new Map(all.filter((one) => one.name !== name).map((one) => [one.name, one]));
  const needed = new Set<string>();
  const open = [...remaining.values()].filter((one) => one.isDirect || one.services.length > 0);
  for (let one = open.pop(); one !== undefined; one = open.pop()) {
    if (needed.has(one.name)) continue;
    needed.add(one.name);
    for (const dependency of Object.keys(one.manifest.dependencies ?? {})) {
      const next = remaining.get(dependency);
      if (next !== undefined) open.push(next);
    }
  }
  return [...remaining.values()].filter((one) => !needed.has(one.name));
}
