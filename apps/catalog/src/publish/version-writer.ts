import { formatName, isPrerelease, parseCapability, Problem, type QualifiedName } from '@proxylet/contract';
import type { EntityManager } from 'typeorm';
import { writeAudit } from '../audit.js';
import { ProxyletRow } from '../database/proxylet.entity.js';
import type { BlobKey } from '../blob/blob-store.js';
import { precedenceOf, versionKeyOf } from '../proxylet/precedence.js';
import { factsOf } from '../proxylet/version-facts.js';
import { refreshProxylet } from '../proxylet/version-queries.js';
import { visibilityOfNew } from '../rights/visibility.js';
import type { CheckedArchive } from './intake.js';
import * as sql from './publish-sql.js';

/** What is written of an archive. */
export interface WrittenArchive
  extends Pick<CheckedArchive, 'version' | 'digest' | 'sizeBytes' | 'warnings'> {
  readonly archive: Pick<CheckedArchive['archive'], 'manifest' | 'digest' | 'files' | 'readme'>;
}

/** A version about to be written; its bytes are durable under `key`. */
export interface NewVersion<Checked extends WrittenArchive = CheckedArchive> {
  readonly target: QualifiedName;
  readonly checked: Checked;
  readonly key: BlobKey;
  /** Channel that is to lead there. */
  readonly channel: string | undefined;
}

export interface WrittenBy {
  /** Key of the principal. */
  readonly actor: string;
  readonly at: string;
  /** What the audit is to know of the caller besides. */
  readonly detail: Readonly<Record<string, unknown>>;
  /** Who published it and when, where that was at another catalog. */
  readonly published?: { readonly by: string; readonly at: string };
}

/** Whose bytes a clean-up has taken away before the transaction came: to be put again under another key. */
export class BytesAreGone extends Error {}

/**
 * Whether the number stands for these very bytes.
 *
 * @throws Problem `version-exists` where it stands for others
 */
export async function isPublished(
  manager: EntityManager,
  target: QualifiedName,
  version: string,
  digest: string,
): Promise<boolean> {
  const [row] = await sql.findVersion(manager, [target.namespace, target.name, versionKeyOf(version)]);
  if (row === undefined) return false;
  if (row.digest === digest && row.version === version) return true;
  throw new Problem(
    'version-exists',
    `${formatName(target)} ${row.version} was published before with other content (${row.digest}); a version never changes, so publish the next one.`,
    { extra: { digest: row.digest } },
  );
}

/**
 * Writes everything a version consists of.
 *
 * @throws BytesAreGone
 */
export async function writeVersion(
  manager: EntityManager,
  version: NewVersion<WrittenArchive>,
  by: WrittenBy,
): Promise<void> {
  const { target, checked } = version;
  const { archive, digest, sizeBytes } = checked;
  await writeBlob(manager, version, by.at);
  const proxyletId = await proxyletIdOf(manager, target, by.at);
  const versionId = await insertVersion(manager, proxyletId, checked, by);
  await sql.insertState(manager, [versionId, by.actor, by.at]);
  await writeParts(manager, versionId, archive);
  const name = formatName(target);
  await refreshProxylet(manager, { id: proxyletId });
  await writeAudit(manager, {
    at: by.at,
    actor: by.actor,
    action: 'version.publish',
    target: `${name}@${checked.version}`,
    detail: { digest, sizeBytes, ...by.detail },
  });
  if (version.channel !== undefined) await moveChannel(manager, { ...version, proxyletId, versionId }, by);
}

async function writeBlob(
  manager: EntityManager,
  { checked, key }: NewVersion<WrittenArchive>,
  at: string,
): Promise<void> {
  const { digest, sizeBytes } = checked;
  if ((await sql.insertBlob(manager, [digest, sizeBytes, at, key])).length > 0) return;
  if ((await sql.referToBlob(manager, [digest, at])).length > 0) return;
  if ((await sql.replaceBlob(manager, [digest, at, key])).length > 0) return;
  throw new BytesAreGone();
}

async function proxyletIdOf(manager: EntityManager, target: QualifiedName, at: string): Promise<number> {
  const { namespace, name } = target;
  const [known] = await sql.findProxyletHead(manager, [namespace, name]);
  if (known !== undefined) return known.id;
  const { identifiers } = await manager.insert(ProxyletRow, {
    namespace,
    name,
    revision: 0,
    latestVersionId: null,
    shownVersionId: null,
    visibility: await visibilityOfNew(manager, namespace),
    createdAt: at,
  });
  const id: unknown = identifiers[0]?.['id'];
  if (typeof id !== 'number') throw new Error('the database gave no id for a new proxylet');
  return id;
}

async function insertVersion(
  manager: EntityManager,
  proxyletId: number,
  { archive, sizeBytes, warnings }: WrittenArchive,
  { actor, at, published }: WrittenBy,
): Promise<number> {
  const { manifest, digest, files, readme } = archive;
  const capabilities = (manifest.capabilities ?? []).map((text) => parseCapability(text).name);
  const [row] = await sql.insertVersion(manager, [
    proxyletId,
    manifest.version,
    versionKeyOf(manifest.version),
    precedenceOf(manifest.version),
    isPrerelease(manifest.version) ? 0 : 1,
    digest,
    sizeBytes,
    JSON.stringify(manifest),
    JSON.stringify(files),
    JSON.stringify(factsOf(manifest)),
    // PostgreSQL keeps no NUL in a text.
    readme?.replaceAll('\0', '\uFFFD') ?? null,
    manifest.runtime.type,
    ` ${capabilities.join(' ')} `,
    JSON.stringify(warnings),
    published?.by ?? actor,
    published?.at ?? at,
  ]);
  if (row === undefined) throw new Error('the database gave no id for a new version');
  return row.id;
}

async function writeParts(
  manager: EntityManager,
  versionId: number,
  { manifest, files }: WrittenArchive['archive'],
): Promise<void> {
  const dependencies = Object.entries(manifest.dependencies ?? {}).map(([t, r]) => ({ t, r }));
  if (dependencies.length > 0)
    await sql.insertDependencies(manager, [versionId, JSON.stringify(dependencies)]);
  const capabilities = (manifest.capabilities ?? []).map((text) => {
    const { name: t, version: r = '*' } = parseCapability(text);
    return { t, r };
  });
  if (capabilities.length > 0)
    await sql.insertCapabilities(manager, [versionId, JSON.stringify(capabilities)]);
  await sql.insertFiles(manager, [versionId, JSON.stringify(files)]);
}

async function moveChannel(
  manager: EntityManager,
  {
    target,
    checked: { version },
    channel = '',
    proxyletId,
    versionId,
  }: NewVersion<WrittenArchive> & { readonly proxyletId: number; readonly versionId: number },
  { actor, at }: WrittenBy,
): Promise<void> {
  await sql.moveChannel(manager, [proxyletId, channel, versionId]);
  await sql.noteChannelMove(manager, [proxyletId, channel, versionId, actor, at]);
  await writeAudit(manager, {
    at,
    actor,
    action: 'channel.move',
    target: `${formatName(target)}#${channel}`,
    detail: { version },
  });
}
