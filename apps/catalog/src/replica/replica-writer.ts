import type { Manifest, QualifiedName, Severity, VersionState } from '@proxylet/contract';
import { formatName } from '@proxylet/contract';
import type { EntityManager } from 'typeorm';
import { writeAudit } from '../audit.js';
import type { BlobKey } from '../blob/blob-store.js';
import { ChannelMoveRow, ChannelRow, ProxyletRow, VersionStateRow } from '../database/proxylet.entity.js';
import { ServiceRow, ServiceVersionRow } from '../database/service.entity.js';
import { precedenceOf, versionKeyOf } from '../proxylet/precedence.js';
import { needProxylet, refreshProxylet } from '../proxylet/version-queries.js';
import { type WrittenArchive, writeVersion } from '../publish/version-writer.js';

/** A state as it was given at the catalog a version comes from. */
export interface ReplicaState {
  readonly state: VersionState;
  readonly reason: string;
  readonly severity: Severity | undefined;
}

/** A version as another catalog has it. */
export interface ReplicaVersion {
  readonly target: QualifiedName;
  readonly archive: WrittenArchive;
  readonly key: BlobKey;
  /** Where that is to be told as it was at the other catalog. */
  readonly published?: { readonly by: string; readonly at: string };
  readonly current: ReplicaState;
}

export interface ReplicaBy {
  readonly actor: string;
  readonly at: string;
  /** For the audit: where it comes from. */
  readonly source: string;
}

/** Writes a version that another catalog published, with the state it has there. */
export async function writeReplica(
  manager: EntityManager,
  { target, archive, key, published, current }: ReplicaVersion,
  by: ReplicaBy,
): Promise<void> {
  const { actor, at, source } = by;
  const written = { actor, at, detail: { source }, ...(published === undefined ? {} : { published }) };
  await writeVersion(manager, { target, checked: archive, key, channel: undefined }, written);
  if (current.state === 'published') return;
  const [row]: { id: number }[] = await versionIdOf(manager, target, archive.version);
  if (row !== undefined)
    await writeState(manager, target, { id: row.id, version: archive.version }, current, by);
}

/** Gives a version here the state it has at the other catalog. */
export async function writeState(
  manager: EntityManager,
  target: QualifiedName,
  { id: versionId, version }: { readonly id: number; readonly version: string },
  { state, reason, severity }: ReplicaState,
  { actor, at, source }: ReplicaBy,
): Promise<void> {
  await manager.insert(VersionStateRow, { versionId, state, reason, severity: severity ?? null, actor, at });
  await refreshProxylet(manager, await needProxylet(manager, target));
  await writeAudit(manager, {
    at,
    actor,
    action: 'version.state',
    target: `${formatName(target)}@${version}`,
    detail: { after: state, reason, severity: severity ?? null, source },
  });
}

/** Lets the channels of a proxylet lead where they lead at the other catalog. @param channels name → version id */
export async function writeChannels(
  manager: EntityManager,
  target: QualifiedName,
  channels: ReadonlyMap<string, { readonly id: number; readonly version: string }>,
  { actor, at, source }: ReplicaBy,
): Promise<void> {
  const proxylet = await needProxylet(manager, target);
  const proxyletId = proxylet.id;
  const before = new Map((await manager.findBy(ChannelRow, { proxyletId })).map((row) => [row.name, row]));
  let moves = 0;
  for (const [name, { id: versionId, version }] of channels) {
    const known = before.get(name);
    if (known?.versionId === versionId) continue;
    moves += 1;
    await manager.save(ChannelRow, { proxyletId, name, versionId, revision: (known?.revision ?? 0) + 1 });
    await manager.insert(ChannelMoveRow, { proxyletId, channel: name, versionId, actor, at });
    const detail = { version, source };
    await writeAudit(manager, {
      at,
      actor,
      action: 'channel.move',
      target: `${formatName(target)}#${name}`,
      detail,
    });
  }
  if (moves > 0) await manager.update(ProxyletRow, proxyletId, { revision: proxylet.revision + 1 });
}

/** A version of a service as another catalog has it. */
export interface ReplicaService {
  readonly target: QualifiedName;
  readonly version: string;
  /** As the table keeps it: members sorted. */
  readonly definition: string;
  readonly registered: { readonly by: string; readonly at: string };
}

/** Writes a version of a service; false where it is there already, whatever it says. */
export async function writeReplicaService(
  manager: EntityManager,
  { target, version, definition, registered }: ReplicaService,
  { actor, at, source }: ReplicaBy,
): Promise<boolean> {
  const known = await manager.findOneBy(ServiceRow, { namespace: target.namespace, name: target.name });
  const serviceId = known?.id ?? (await newService(manager, target, at));
  const versionKey = versionKeyOf(version);
  if (await manager.existsBy(ServiceVersionRow, { serviceId, versionKey })) return false;
  await manager.insert(ServiceVersionRow, {
    serviceId,
    version,
    versionKey,
    precedence: precedenceOf(version),
    isStable: version.includes('-') ? 0 : 1,
    definition,
    registeredBy: registered.by,
    registeredAt: registered.at,
  });
  const detail = { source };
  await writeAudit(manager, {
    at,
    actor,
    action: 'service.register',
    target: `${formatName(target)}@${version}`,
    detail,
  });
  return true;
}

async function newService(
  manager: EntityManager,
  { namespace, name }: QualifiedName,
  createdAt: string,
): Promise<number> {
  const { identifiers } = await manager.insert(ServiceRow, { namespace, name, createdAt });
  const id: unknown = identifiers[0]?.['id'];
  if (typeof id !== 'number') throw new Error('the database gave no id for a new service');
  return id;
}

/** The members of a manifest's archive that are kept, of what another catalog says of it. */
export function archiveOf(
  manifest: Manifest,
  facts: Pick<WrittenArchive, 'digest' | 'sizeBytes'> & {
    readonly files: WrittenArchive['archive']['files'];
    readonly readme: string | undefined;
  },
): WrittenArchive {
  const { digest, sizeBytes, files, readme } = facts;
  return {
    version: manifest.version,
    digest,
    sizeBytes,
    warnings: [],
    archive: { manifest, digest, files, readme },
  };
}

async function versionIdOf(
  manager: EntityManager,
  { namespace, name }: QualifiedName,
  version: string,
): Promise<{ id: number }[]> {
  return await manager
    .createQueryBuilder()
    .select('v.id', 'id')
    .from('version', 'v')
    .innerJoin('proxylet', 'p', 'p.id = v.proxylet_id')
    .where('p.namespace = :namespace AND p.name = :name AND v.version = :version', {
      namespace,
      name,
      version,
    })
    .getRawMany<{ id: number }>();
}
