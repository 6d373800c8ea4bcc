import { createHash } from 'node:crypto';
import { canonicalTuf, type Signable, tufSpecVersion } from '@proxylet/artifact';
import type { SigningKey, TufKeys } from './tuf-keys.js';

const dayMs = 86_400_000;
/** How long each kind of document is good, ms. */
export const lifeMs = {
  root: 365 * dayMs,
  targets: 90 * dayMs,
  snapshot: 7 * dayMs,
  timestamp: dayMs,
} as const;
type Kind = keyof typeof lifeMs;

/** A version as its namespace vouches for it. */
export interface VouchedVersion {
  readonly name: string;
  readonly version: string;
  readonly digest: string;
  /** PostgreSQL gives large numbers as text. */
  readonly sizeBytes: number | string;
  readonly state: string;
  readonly severity: string | null;
}

/** A key of publishers, as readers are told of it. */
export interface VouchedKey {
  readonly keyId: string;
  readonly publicKey: string;
  readonly state: string;
}

export interface Head {
  readonly version: number;
  readonly nowMs: number;
}

function roleOf({ id }: SigningKey) {
  return { keyids: [id], threshold: 1 };
}

export function rootContent(keys: TufKeys, head: Head): Record<string, Signable> {
  const all = [keys.root, keys.targets, keys.snapshot, keys.timestamp];
  return {
    ...headOf('root', head),
    consistent_snapshot: true,
    keys: Object.fromEntries(all.map(({ id, publicKey }) => [id, publicKey])),
    roles: {
      root: roleOf(keys.root),
      targets: roleOf(keys.targets),
      snapshot: roleOf(keys.snapshot),
      timestamp: roleOf(keys.timestamp),
    },
  };
}

/** Who may speak of which namespace, and with which keys publishers of it sign. */
export function targetsContent(
  namespaces: ReadonlyMap<string, readonly VouchedKey[]>,
  { namespaces: { id, publicKey } }: TufKeys,
  head: Head,
): Record<string, Signable> {
  const names = [...namespaces.keys()].toSorted();
  return {
    ...headOf('targets', head),
    targets: Object.fromEntries(
      names.map((name) => [`${name}/keys.json`, keyTarget(namespaces.get(name) ?? [])]),
    ),
    delegations: {
      keys: { [id]: publicKey },
      roles: names.map((name) => ({
        name: `ns-${name}`,
        keyids: [id],
        threshold: 1,
        terminating: true,
        paths: [`${name}/*/*`],
      })),
    },
  };
}

/** The file is the canonical form of `custom.keys`, so that nobody needs to fetch it. */
function keyTarget(keys: readonly VouchedKey[]): Signable {
  const listed = Object.fromEntries(
    keys.map(({ keyId, publicKey, state }) => [
      keyId,
      { keytype: 'ed25519', scheme: 'ed25519', keyval: { public: publicKey }, state },
    ]),
  );
  const bytes = Buffer.from(canonicalTuf(listed));
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return { length: bytes.byteLength, hashes: { sha256 }, custom: { keys: listed } };
}

export function namespaceContent(
  namespace: string,
  versions: readonly VouchedVersion[],
  head: Head,
): Record<string, Signable> {
  const targets = versions.map(({ name, version, digest, sizeBytes, state, severity }) => {
    const custom = { state, ...(severity === null ? {} : { severity }) };
    const hashes = { sha256: digest.slice('sha256:'.length) };
    return [`${namespace}/${name}/${version}`, { length: Number(sizeBytes), hashes, custom }] as const;
  });
  return { ...headOf('targets', head), targets: Object.fromEntries(targets) };
}

export function metaContent(
  kind: 'snapshot' | 'timestamp',
  meta: Readonly<Record<string, Signable>>,
  head: Head,
): Record<string, Signable> {
  return { ...headOf(kind, head), meta };
}

function headOf(kind: Kind, { version, nowMs }: Head): Record<string, Signable> {
  // Whole seconds, as the specification writes them.
  const expires = new Date(nowMs + lifeMs[kind]).toISOString().replace(/\.\d+Z$/, 'Z');
  return { _type: kind, spec_version: tufSpecVersion, version, expires };
}
