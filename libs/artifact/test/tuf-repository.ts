import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import {
  keyIdOf,
  type MetadataUpdate,
  metaOf,
  publicKeyOf,
  type PublicKey,
  signDocument,
  type Signable,
  tufSpecVersion,
} from '../src/index.js';

export function newKey(): KeyObject {
  return generateKeyPairSync('ed25519').privateKey;
}

export const dayMs = 86_400_000;
export const nowMs = Date.parse('2026-11-20T12:00:00Z');

type RoleName = 'root' | 'targets' | 'snapshot' | 'timestamp';
export type RoleKeys = Readonly<Record<RoleName, readonly KeyObject[]>>;

export function newRoleKeys(): RoleKeys {
  return { root: [newKey(), newKey()], targets: [newKey()], snapshot: [newKey()], timestamp: [newKey()] };
}

/** Everything a catalog would sign, with what a test wants to be otherwise. */
export interface RepositoryWishes {
  readonly keys: RoleKeys;
  readonly namespaceKey: KeyObject;
  /** Number of every document but the root. */
  readonly version?: number;
  readonly madeMs?: number;
  /** By path: what `ns-acme` vouches for. */
  readonly files?: Readonly<Record<string, Buffer>>;
  readonly namespacesInSnapshot?: readonly string[];
}

function role(list: readonly KeyObject[], threshold = 1) {
  return { keyids: list.map((key) => keyIdOf(publicKeyOf(key))), threshold };
}

/** A root that asks for two keys of its own. */
export function rootOf(keys: RoleKeys, version = 1, by: readonly KeyObject[] = keys.root): Buffer {
  return signDocument(
    {
      ...head('root', version, 365, nowMs),
      consistent_snapshot: true,
      keys: byId(Object.values(keys).flat().map(publicKeyOf)),
      roles: {
        root: role(keys.root, 2),
        targets: role(keys.targets),
        snapshot: role(keys.snapshot),
        timestamp: role(keys.timestamp),
      },
    },
    by,
  );
}

export function repositoryOf(wishes: RepositoryWishes): MetadataUpdate {
  const { keys, version = 1, madeMs = nowMs, namespacesInSnapshot = ['acme'] } = wishes;
  const namespace = namespaceOf(wishes);
  const targets = targetsOf(wishes);
  const named = namespacesInSnapshot.map((name) => [`ns-${name}.json`, metaOf(version, namespace)] as const);
  const snapshot = signDocument(
    {
      ...head('snapshot', version, 7, madeMs),
      meta: { 'targets.json': metaOf(version, targets), ...Object.fromEntries(named) },
    },
    keys.snapshot,
  );
  const timestamp = signDocument(
    { ...head('timestamp', version, 1, madeMs), meta: { 'snapshot.json': metaOf(version, snapshot) } },
    keys.timestamp,
  );
  return { timestamp, snapshot, targets, namespaces: new Map([['ns-acme', namespace]]) };
}

function namespaceOf({ namespaceKey, version = 1, madeMs = nowMs, files = {} }: RepositoryWishes): Buffer {
  const listed = Object.entries(files).map(([path, bytes]) => {
    const { length = 0, hashes = { sha256: '' } } = metaOf(1, bytes);
    return [path, { length, hashes }] as const;
  });
  return signDocument({ ...head('targets', version, 90, madeMs), targets: Object.fromEntries(listed) }, [
    namespaceKey,
  ]);
}

function targetsOf({ keys, namespaceKey, version = 1, madeMs = nowMs }: RepositoryWishes): Buffer {
  const publicKey = publicKeyOf(namespaceKey);
  const delegated = { name: 'ns-acme', keyids: [keyIdOf(publicKey)], threshold: 1, terminating: true };
  return signDocument(
    {
      ...head('targets', version, 90, madeMs),
      targets: {},
      delegations: { keys: byId([publicKey]), roles: [{ ...delegated, paths: ['acme/*/*'] }] },
    },
    keys.targets,
  );
}

function head(type: string, version: number, days: number, madeMs: number) {
  const expires = new Date(madeMs + days * dayMs).toISOString().replace(/\.\d+/, '');
  return { _type: type, spec_version: tufSpecVersion, version, expires };
}

function byId(keys: readonly PublicKey[]): Record<string, Signable> {
  return Object.fromEntries(keys.map((key) => [keyIdOf(key), key]));
}
