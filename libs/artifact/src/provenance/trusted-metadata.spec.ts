import { Metadata, MetadataKind } from '@tufjs/models';
import { assert, integer, nat, property } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dayMs, newKey, newRoleKeys, nowMs, repositoryOf, rootOf } from '../../test/tuf-repository.js';
import { TrustedMetadata } from './trusted-metadata.js';
import { signDocument } from './tuf-sign.js';

const keys = newRoleKeys();
const namespaceKey = newKey();
const files = { 'acme/thumb/1.0.0': Buffer.from('bytes') };
const wishes = { keys, namespaceKey, files };
const first = repositoryOf(wishes);
const root = rootOf(keys);
const start = () => TrustedMetadata.of(root).update(first, nowMs);
const refusedBy = (code: string, rule: string) => expect.objectContaining({ code, extra: { rule } });
const untrusted = (rule: string) => refusedBy('metadata-untrusted', rule);

function refusal(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  return undefined;
}

function parse(bytes: Uint8Array): never {
  return JSON.parse(Buffer.from(bytes).toString()) as never;
}

describe('signed metadata', () => {
  it('tells of a path what its namespace signed, and nothing else', () => {
    const trusted = start();
    expect(trusted.find('acme/thumb/1.0.0')).toMatchObject({ length: 5 });
    for (const path of [
      'acme/thumb/2.0.0',
      'other/thumb/1.0.0',
      'acme/thumb',
      '__proto__',
      'constructor',
      '',
    ])
      expect(trusted.find(path)).toBeUndefined();
    expect([trusted.rootVersion, trusted.timestampVersion]).toEqual([1, 1]);
  });

  it('is what another implementation of TUF takes', () => {
    const rootDocument = Metadata.fromJSON(MetadataKind.Root, parse(root));
    const targets = Metadata.fromJSON(MetadataKind.Targets, parse(first.targets));
    rootDocument.verifyDelegate('root', rootDocument);
    rootDocument.verifyDelegate(
      'timestamp',
      Metadata.fromJSON(MetadataKind.Timestamp, parse(first.timestamp)),
    );
    rootDocument.verifyDelegate('snapshot', Metadata.fromJSON(MetadataKind.Snapshot, parse(first.snapshot)));
    rootDocument.verifyDelegate('targets', targets);
    const namespace = first.namespaces?.get('ns-acme') ?? Buffer.alloc(0);
    targets.verifyDelegate('ns-acme', Metadata.fromJSON(MetadataKind.Targets, parse(namespace)));
  });

  it('is nothing once a byte of it is another one', () => {
    const documents = ['timestamp', 'snapshot', 'targets'] as const;
    assert(
      property(integer({ min: 0, max: 2 }), nat(), integer({ min: 1, max: 255 }), (which, at, by) => {
        const name = documents[which] ?? 'targets';
        const bytes = Buffer.from(first[name]);
        bytes[at % bytes.length] = (bytes[at % bytes.length] ?? 0) ^ by;
        const error = refusal(() => TrustedMetadata.of(root).update({ ...first, [name]: bytes }, nowMs));
        // In a member that is not signed and not looked at, or in white space, nothing is said differently.
        if (error === undefined) expect(name).toBe('timestamp');
        else expect(error).toMatchObject({ code: 'metadata-untrusted' });
      }),
      { numRuns: 300 },
    );
    const altered = Buffer.from(root);
    altered[altered.length - 40] = (altered[altered.length - 40] ?? 0) ^ 1;
    expect(refusal(() => TrustedMetadata.of(altered))).toMatchObject({ code: 'metadata-untrusted' });
  });
});

describe('an attack', () => {
  const second = repositoryOf({
    ...wishes,
    version: 2,
    files: { ...files, 'acme/thumb/2.0.0': Buffer.from('b') },
  });
  const after = () => start().update(second, nowMs);

  it('rollback: older documents are not taken after newer ones, and change nothing', () => {
    const trusted = after();
    expect(refusal(() => trusted.update(first, nowMs))).toEqual(untrusted('rollback'));
    expect(trusted.find('acme/thumb/2.0.0')).toBeDefined();
    expect(trusted.update(second, nowMs).timestampVersion).toBe(2);
  });

  it('rollback: a namespace is not left out of a newer snapshot', () => {
    const third = repositoryOf({ ...wishes, version: 3, namespacesInSnapshot: [] });
    const { namespaces: _none, ...update } = third;
    expect(refusal(() => after().update(update, nowMs))).toEqual(untrusted('rollback'));
  });

  it('freeze: what has expired is not taken, nor what is kept', () => {
    expect(refusal(() => TrustedMetadata.of(root).update(first, nowMs + 2 * dayMs))).toEqual(
      refusedBy('metadata-expired', 'expired'),
    );
    const stale = repositoryOf({ ...wishes, version: 2, madeMs: nowMs - 30 * dayMs });
    expect(refusal(() => start().update(stale, nowMs))).toEqual(refusedBy('metadata-expired', 'expired'));
    expect(refusal(() => start().update(second, nowMs + 400 * dayMs))).toEqual(
      refusedBy('metadata-expired', 'expired'),
    );
  });

  it.each(['snapshot', 'targets'] as const)('mix-and-match: %s of another moment is not taken', (name) => {
    const update = { ...second, [name]: first[name] };
    expect(refusal(() => TrustedMetadata.of(root).update(update, nowMs))).toEqual(untrusted('mix-and-match'));
  });

  it('mix-and-match: a namespace of another moment is not taken, nor one nobody named', () => {
    const old = { ...second, ...(first.namespaces === undefined ? {} : { namespaces: first.namespaces }) };
    expect(refusal(() => TrustedMetadata.of(root).update(old, nowMs))).toEqual(untrusted('mix-and-match'));
    const [, bytes = Buffer.alloc(0)] = [...(second.namespaces ?? [])][0] ?? [];
    const foreign = { ...second, namespaces: new Map([['ns-other', bytes]]) };
    expect(refusal(() => TrustedMetadata.of(root).update(foreign, nowMs))).toEqual(
      untrusted('mix-and-match'),
    );
  });

  it('key theft: the key of one role signs for no other', () => {
    for (const role of ['timestamp', 'snapshot', 'targets'] as const) {
      const others = { timestamp: keys.snapshot, snapshot: keys.targets, targets: keys.timestamp };
      const forged = repositoryOf({ ...wishes, keys: { ...keys, [role]: others[role] } });
      expect(refusal(() => TrustedMetadata.of(root).update(forged, nowMs))).toEqual(untrusted('signature'));
    }
    const foreign = repositoryOf({ ...wishes, namespaceKey: newKey() });
    const update = { ...first, namespaces: foreign.namespaces ?? new Map() };
    expect(refusal(() => TrustedMetadata.of(root).update(update, nowMs))).toBeInstanceOf(Error);
  });

  it('key theft: one of two root keys makes no root', () => {
    const [one] = keys.root;
    if (one === undefined) throw new Error('a root has keys');
    expect(refusal(() => TrustedMetadata.of(rootOf(keys, 1, [one, one])))).toEqual(untrusted('signature'));
    const next = { ...newRoleKeys() };
    const roots = [rootOf(next, 2, [...next.root, one])];
    expect(refusal(() => start().update({ ...second, roots }, nowMs))).toEqual(untrusted('signature'));
  });

  it('endless data: a document is not read beyond its cap', () => {
    const timestamp = Buffer.alloc(1024 * 1024, ' ');
    expect(refusal(() => start().update({ ...second, timestamp }, nowMs))).toEqual(untrusted('length'));
  });

  it('junk: what is no document is refused', () => {
    for (const text of [
      '',
      '{',
      '[]',
      'null',
      '{"signed":{},"signatures":[]}',
      '\ud800',
      '['.repeat(10_000),
    ]) {
      const timestamp = Buffer.from(text);
      expect(refusal(() => start().update({ ...second, timestamp }, nowMs))).toMatchObject({
        code: 'metadata-untrusted',
      });
    }
    const fraction = Buffer.from(
      signDocument({ _type: 'timestamp' }, keys.timestamp).toString().replace('"timestamp"', '1.5'),
    );
    expect(refusal(() => start().update({ ...second, timestamp: fraction }, nowMs))).toEqual(
      untrusted('form'),
    );
  });
});

describe('key rotation', () => {
  it('follows root by root, each signed by the one before, and takes none out of turn', () => {
    const next = newRoleKeys();
    const roots = [rootOf(next, 2, [...keys.root, ...next.root])];
    const moved = repositoryOf({ ...wishes, keys: next, version: 2 });
    const trusted = start().update({ ...moved, roots }, nowMs);
    expect(trusted.rootVersion).toBe(2);
    expect(refusal(() => trusted.update(repositoryOf({ ...wishes, version: 3 }), nowMs))).toEqual(
      untrusted('signature'),
    );
    const skipped = [rootOf(next, 3, [...keys.root, ...next.root])];
    expect(refusal(() => start().update({ ...moved, roots: skipped }, nowMs))).toEqual(untrusted('rollback'));
  });

  it('of the timestamp ends the numbers its thief has given', () => {
    const fast = start().update(repositoryOf({ ...wishes, version: 1_000_000 }), nowMs);
    const next = { ...keys, timestamp: [newKey()] };
    const moved = repositoryOf({ ...wishes, keys: next, version: 3 });
    expect(refusal(() => fast.update(moved, nowMs))).toEqual(untrusted('signature'));
    const roots = [rootOf(next, 2, keys.root)];
    expect(fast.update({ ...moved, roots }, nowMs).timestampVersion).toBe(3);
  });
});
