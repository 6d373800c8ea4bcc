import { isDeepStrictEqual } from 'node:util';
import type { Root, Snapshot, Target, Targets, Timestamp } from './tuf-documents.js';
import {
  assertFresh,
  openFirstRoot,
  openNextRoot,
  openSnapshot,
  openTargets,
  openTimestamp,
  type Signers,
  signersOf,
  untrusted,
} from './tuf-verify.js';

/** Documents as they came, in the order they are looked at. */
export interface MetadataUpdate {
  /** Roots after the trusted one, each signed by the one before. */
  readonly roots?: readonly Uint8Array[];
  readonly timestamp: Uint8Array;
  readonly snapshot: Uint8Array;
  readonly targets: Uint8Array;
  /** Documents of namespaces, by role: `ns-acme`. */
  readonly namespaces?: ReadonlyMap<string, Uint8Array>;
}

interface Trusted {
  readonly root: Root;
  readonly timestamp?: Timestamp;
  readonly snapshot?: Snapshot;
  readonly targets?: Targets;
  readonly namespaces: ReadonlyMap<string, Targets>;
}

/**
 * What a reader of signed metadata trusts (TUF 1.0 §5). Never changes: an update that holds gives the next one, and
 * one that does not leaves everything as it was. Holds no bytes of archives and asks nobody: whoever fetches passes
 * in what came.
 */
export class TrustedMetadata {
  private constructor(private readonly trusted: Trusted) {}

  /** Begins with a root that came by hand. @throws Problem `metadata-untrusted` */
  static of(root: Uint8Array): TrustedMetadata {
    return new TrustedMetadata({ root: openFirstRoot(root), namespaces: new Map() });
  }

  get rootVersion(): number {
    return this.trusted.root.version;
  }

  /** Number of the newest timestamp that was seen; 0 where none was. */
  get timestampVersion(): number {
    return this.trusted.timestamp?.version ?? 0;
  }

  /**
   * @param nowMs ms since the epoch, of a clock that is right
   * @throws Problem `metadata-untrusted` with the rule that was broken, `metadata-expired`
   */
  update(update: MetadataUpdate, nowMs: number): TrustedMetadata {
    const root = (update.roots ?? []).reduce(
      (before, bytes) => openNextRoot(bytes, before),
      this.trusted.root,
    );
    assertFresh('root', root.expires, nowMs);
    const before = this.comparable(root);
    const timestamp = openTimestamp(update.timestamp, root, nowMs, before.timestamp);
    const snapshot = openSnapshot(update.snapshot, { root, timestamp }, nowMs, before.snapshot);
    const targets = openTargets(
      update.targets,
      'targets',
      { snapshot, signers: signersOf(root, 'targets') },
      nowMs,
    );
    const namespaces = new Map<string, Targets>();
    for (const [name, bytes] of update.namespaces ?? [])
      namespaces.set(name, openTargets(bytes, name, { snapshot, signers: delegated(targets, name) }, nowMs));
    return new TrustedMetadata({ root, timestamp, snapshot, targets, namespaces });
  }

  /**
   * What is said of a path, by the one role that may speak of it.
   *
   * @param path `acme/thumb/1.3.0`
   * @returns undefined where that role says nothing of it, or was not part of the last update
   */
  find(path: string): Target | undefined {
    const { targets, namespaces } = this.trusted;
    const own = memberOf(targets?.targets, path);
    if (own !== undefined) return own;
    const role = targets?.delegations?.roles.find(({ paths }) =>
      paths.some((pattern) => fits(pattern, path)),
    );
    return role === undefined ? undefined : memberOf(namespaces.get(role.name)?.targets, path);
  }

  /**
   * Numbers are compared with those seen before, unless the root has taken the key away that gave them: a thief of that
   * key could have given numbers that nobody can follow (TUF 1.0 §5.3.11).
   */
  private comparable(root: Root): Pick<Trusted, 'timestamp' | 'snapshot'> {
    const { timestamp, snapshot, root: before } = this.trusted;
    const isSame = (['timestamp', 'snapshot'] as const).every((kind) =>
      isDeepStrictEqual(root.roles[kind], before.roles[kind]),
    );
    if (!isSame) return {};
    return {
      ...(timestamp === undefined ? {} : { timestamp }),
      ...(snapshot === undefined ? {} : { snapshot }),
    };
  }
}

function delegated({ delegations }: Targets, name: string): Signers {
  const role = delegations?.roles.find((each) => each.name === name);
  if (role === undefined || delegations === undefined)
    throw untrusted(name, 'mix-and-match', 'has no delegation');
  return { role, keys: delegations.keys };
}

function memberOf(targets: Readonly<Record<string, Target>> | undefined, path: string): Target | undefined {
  return targets !== undefined && Object.hasOwn(targets, path) ? targets[path] : undefined;
}

function fits(pattern: string, path: string): boolean {
  const [wanted, given] = [pattern.split('/'), path.split('/')];
  return (
    wanted.length === given.length &&
    wanted.every((segment, index) => segment === '*' || segment === given[index])
  );
}
