import { createHash } from 'node:crypto';
import { Problem } from '@proxylet/contract';
import { canonicalTuf, type Signable } from './canonical-tuf.js';
import { isSignedBy } from './dsse.js';
import {
  type DocumentKind,
  documentMaxBytes,
  documentSchema,
  type Keys,
  type Meta,
  type Role,
  type Root,
  type SignedParts,
  signedSchemas,
  type Snapshot,
  type Targets,
  type Timestamp,
} from './tuf-documents.js';

/** What was wrong with a document: member `rule` of the problem. */
export type MetadataRule = 'form' | 'length' | 'signature' | 'rollback' | 'mix-and-match' | 'expired';

/** Who may sign a document, and which keys these are. */
export interface Signers {
  readonly role: Role;
  readonly keys: Keys;
}

/**
 * Reads a document and looks whether enough of its signers signed it. What it says counts after that only.
 *
 * @throws Problem `metadata-untrusted`
 */
export function openDocument<K extends DocumentKind>(
  kind: K,
  bytes: Uint8Array,
  ...signers: readonly Signers[]
): SignedParts[K] {
  if (bytes.byteLength > documentMaxBytes[kind])
    throw untrusted(kind, 'length', `is longer than ${documentMaxBytes[kind]} bytes`);
  const { signed, signatures } = documentOf(kind, bytes);
  const text = Buffer.from(canonicalOf(kind, signed));
  for (const { role, keys } of signers) {
    const by = new Set<string>();
    for (const { keyid, sig } of signatures) {
      const key = role.keyids.includes(keyid) ? keys[keyid] : undefined;
      if (key !== undefined && isSignedBy(key, keyid, text, Buffer.from(sig, 'hex'))) by.add(keyid);
    }
    if (by.size < role.threshold)
      throw untrusted(kind, 'signature', `has ${by.size} of ${role.threshold} signatures that it needs`);
  }
  const parsed = signedSchemas[kind].safeParse(signed);
  if (parsed.success) return parsed.data as SignedParts[K];
  const [issue] = parsed.error.issues;
  throw untrusted(kind, 'form', `is not as agreed at /${issue?.path.map(String).join('/') ?? ''}`);
}

/** The root that a reader was given by hand: it must have signed itself. @throws Problem `metadata-untrusted` */
export function openFirstRoot(bytes: Uint8Array): Root {
  const claimed = signedSchemas.root.safeParse(documentOf('root', bytes).signed);
  if (!claimed.success) throw untrusted('root', 'form', 'is not as agreed');
  return openDocument('root', bytes, signersOf(claimed.data, 'root'));
}

/** The root that follows another: signed by the keys of both, with the next number. @throws Problem `metadata-untrusted` */
export function openNextRoot(bytes: Uint8Array, before: Root): Root {
  const claimed = signedSchemas.root.safeParse(documentOf('root', bytes).signed);
  if (!claimed.success) throw untrusted('root', 'form', 'is not as agreed');
  const root = openDocument('root', bytes, signersOf(before, 'root'), signersOf(claimed.data, 'root'));
  if (root.version === before.version + 1) return root;
  throw untrusted('root', 'rollback', `has the number ${root.version}, not ${before.version + 1}`);
}

/** @throws Problem `metadata-untrusted`, `metadata-expired` */
export function openTimestamp(bytes: Uint8Array, root: Root, nowMs: number, before?: Timestamp): Timestamp {
  const timestamp = openDocument('timestamp', bytes, signersOf(root, 'timestamp'));
  assertNotOlder('timestamp', timestamp.version, before?.version);
  assertNotOlder('snapshot', snapshotOf(timestamp).version, before && snapshotOf(before).version);
  assertFresh('timestamp', timestamp.expires, nowMs);
  return timestamp;
}

/** @throws Problem `metadata-untrusted`, `metadata-expired` */
export function openSnapshot(
  bytes: Uint8Array,
  { root, timestamp }: { readonly root: Root; readonly timestamp: Timestamp },
  nowMs: number,
  before?: Snapshot,
): Snapshot {
  assertIs('snapshot', bytes, snapshotOf(timestamp));
  const snapshot = openDocument('snapshot', bytes, signersOf(root, 'snapshot'));
  assertVersion('snapshot', snapshot.version, snapshotOf(timestamp));
  for (const [name, meta] of Object.entries(before?.meta ?? {})) {
    const now = snapshot.meta[name];
    if (now === undefined) throw untrusted('snapshot', 'rollback', `no longer names ${name}`);
    assertNotOlder(name, now.version, meta.version);
  }
  assertFresh('snapshot', snapshot.expires, nowMs);
  return snapshot;
}

/**
 * @param name of the document, `targets` or `ns-acme`
 * @throws Problem `metadata-untrusted`, `metadata-expired`
 */
export function openTargets(
  bytes: Uint8Array,
  name: string,
  { snapshot, signers }: { readonly snapshot: Snapshot; readonly signers: Signers },
  nowMs: number,
): Targets {
  const meta = Object.hasOwn(snapshot.meta, `${name}.json`) ? snapshot.meta[`${name}.json`] : undefined;
  if (meta === undefined) throw untrusted(name, 'mix-and-match', 'is not in the snapshot');
  assertIs(name, bytes, meta);
  const targets = openDocument('targets', bytes, signers);
  assertVersion(name, targets.version, meta);
  assertFresh(name, targets.expires, nowMs);
  return targets;
}

export function signersOf({ keys, roles }: Root, kind: DocumentKind): Signers {
  return { role: roles[kind], keys };
}

/** @throws Problem `metadata-expired` */
export function assertFresh(name: string, expires: string, nowMs: number): void {
  if (Date.parse(expires) > nowMs) return;
  throw new Problem('metadata-expired', `The signed ${name} has expired at ${expires}; nothing newer came.`, {
    extra: { rule: 'expired' satisfies MetadataRule },
  });
}

/** `why` completes the sentence "The signed … <why>." */
export function untrusted(name: string, rule: MetadataRule, why: string): Problem {
  return new Problem('metadata-untrusted', `The signed ${name} ${why}.`, { extra: { rule } });
}

function documentOf(kind: DocumentKind, bytes: Uint8Array): ReturnType<typeof documentSchema.parse> {
  if (bytes.byteLength > documentMaxBytes[kind])
    throw untrusted(kind, 'length', `is longer than ${documentMaxBytes[kind]} bytes`);
  try {
    return documentSchema.parse(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)));
  } catch (error) {
    throw new Problem('metadata-untrusted', `The signed ${kind} is not JSON of the agreed form.`, {
      cause: error,
      extra: { rule: 'form' satisfies MetadataRule },
    });
  }
}

function canonicalOf(kind: DocumentKind, signed: object): string {
  try {
    return canonicalTuf(signed as Signable);
  } catch {
    throw untrusted(kind, 'form', 'holds what cannot be signed');
  }
}

function snapshotOf({ meta }: Timestamp): Meta {
  return meta['snapshot.json'];
}

function assertNotOlder(name: string, version: number, before: number | undefined): void {
  if (before === undefined || version >= before) return;
  throw untrusted(name, 'rollback', `has the number ${version}, and ${before} was seen before`);
}

function assertVersion(name: string, version: number, meta: Meta): void {
  if (version === meta.version) return;
  throw untrusted(name, 'mix-and-match', `has the number ${version}, and ${meta.version} belongs here`);
}

function assertIs(name: string, bytes: Uint8Array, { length, hashes }: Meta): void {
  const isSame =
    (length === undefined || bytes.byteLength === length) &&
    (hashes === undefined || createHash('sha256').update(bytes).digest('hex') === hashes.sha256);
  if (!isSame) throw untrusted(name, 'mix-and-match', 'is not the one that belongs here');
}
