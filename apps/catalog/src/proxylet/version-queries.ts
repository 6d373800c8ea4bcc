import { formatName, type QualifiedName, Problem, type VersionState } from '@proxylet/contract';
import type { EntityManager, SelectQueryBuilder } from 'typeorm';
import { ProxyletRow, VersionRow, VersionStateRow } from '../database/proxylet.entity.js';
import { parseFacts, searchTextOf } from './version-facts.js';

/** A version with its newest state. */
export interface CurrentVersion extends VersionRow {
  readonly current: VersionStateRow;
}

/** Columns that are small whatever the publisher sent. */
const slim = [
  'id',
  'proxyletId',
  'version',
  'precedence',
  'isStable',
  'digest',
  'sizeBytes',
  'facts',
  'publishedBy',
  'publishedAt',
];

export function versionsOf(manager: EntityManager, proxyletId: number): SelectQueryBuilder<VersionRow> {
  return manager
    .createQueryBuilder(VersionRow, 'v')
    .innerJoinAndMapOne(
      'v.current',
      VersionStateRow,
      's',
      's.id = (SELECT MAX(x.id) FROM version_state x WHERE x.version_id = v.id)',
    )
    .where('v.proxyletId = :proxyletId', { proxyletId });
}

/** As `versionsOf`, without manifests and READMEs. */
export function slimVersionsOf(manager: EntityManager, proxyletId: number): SelectQueryBuilder<VersionRow> {
  return versionsOf(manager, proxyletId).select([...slim.map((column) => `v.${column}`), 's']);
}

export async function manyCurrent(query: SelectQueryBuilder<VersionRow>): Promise<CurrentVersion[]> {
  return (await query.getMany()) as CurrentVersion[];
}

export async function oneCurrent(query: SelectQueryBuilder<VersionRow>): Promise<CurrentVersion | undefined> {
  return ((await query.limit(1).getMany()) as CurrentVersion[])[0];
}

export async function findProxylet(
  manager: EntityManager,
  { namespace, name }: QualifiedName,
): Promise<ProxyletRow | undefined> {
  return (await manager.findOneBy(ProxyletRow, { namespace, name })) ?? undefined;
}

/** @throws Problem `not-found` */
export async function needProxylet(manager: EntityManager, name: QualifiedName): Promise<ProxyletRow> {
  const proxylet = await findProxylet(manager, name);
  if (proxylet !== undefined) return proxylet;
  throw new Problem('not-found', `There is no proxylet ${formatName(name)}.`);
}

/** @throws Problem `not-found` */
export async function needVersion(
  manager: EntityManager,
  name: QualifiedName,
  version: string,
): Promise<CurrentVersion> {
  const proxylet = await needProxylet(manager, name);
  const found = await oneCurrent(
    versionsOf(manager, proxylet.id).andWhere('v.version = :version', { version }),
  );
  if (found !== undefined) return found;
  throw new Problem('not-found', `There is no version ${version} of ${formatName(name)}.`);
}

/**
 * Brings what a proxylet row says about its versions in step; called inside every transaction that adds a version
 * or changes a state. Reads three rows at most, however many versions there are.
 */
export async function refreshProxylet(manager: EntityManager, proxylet: ProxyletRow): Promise<void> {
  const latest = await highest(manager, proxylet.id, 'v.isStable = 1 AND s.state <> :yanked');
  const shown =
    latest ??
    (await highest(manager, proxylet.id, 's.state <> :yanked')) ??
    (await highest(manager, proxylet.id, '1 = 1'));
  const searchText =
    shown === undefined ? formatName(proxylet) : searchTextOf(formatName(proxylet), parseFacts(shown.facts));
  await manager.update(ProxyletRow, proxylet.id, {
    revision: proxylet.revision + 1,
    latestVersionId: latest?.id ?? null,
    shownVersionId: shown?.id ?? null,
    searchText,
  });
}

async function highest(
  manager: EntityManager,
  proxyletId: number,
  condition: string,
): Promise<CurrentVersion | undefined> {
  const yanked: VersionState = 'yanked';
  return await oneCurrent(
    slimVersionsOf(manager, proxyletId).andWhere(condition, { yanked }).orderBy('v.precedence', 'DESC'),
  );
}
