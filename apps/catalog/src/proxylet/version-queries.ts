import { formatName, type QualifiedName, Problem, type VersionState } from '@proxylet/contract';
import type { EntityManager, SelectQueryBuilder } from 'typeorm';
import { ProxyletRow, VersionRow, VersionStateRow } from '../database/proxylet.entity.js';
import { statement } from '../database/sql.js';
import type { ReadRights } from '../rights/read-rights.js';
import { indexProxylet } from '../search/search-index.js';
import { versionKeyOf } from './precedence.js';

/** States in which a version is not chosen for anybody. */
export const withdrawn: readonly VersionState[] = ['yanked', 'quarantined'];

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
    versionsOf(manager, proxylet.id).andWhere('v.versionKey = :key AND v.version = :version', {
      key: versionKeyOf(version),
      version,
    }),
  );
  if (found !== undefined) return found;
  throw new Problem('not-found', `There is no version ${version} of ${formatName(name)}.`);
}

/** As `needProxylet`, for a caller: what may not be read is not there. @throws Problem `not-found` */
export async function readProxylet(
  manager: EntityManager,
  reader: ReadRights,
  name: QualifiedName,
): Promise<ProxyletRow> {
  const proxylet = await findProxylet(manager, name);
  if (proxylet !== undefined && (await reader.mayRead(manager, proxylet))) return proxylet;
  throw new Problem('not-found', `There is no proxylet ${formatName(name)}.`);
}

/** As `needVersion`, for a caller. @throws Problem `not-found` */
export async function readVersion(
  manager: EntityManager,
  reader: ReadRights,
  name: QualifiedName,
  version: string,
): Promise<CurrentVersion> {
  await readProxylet(manager, reader, name);
  return await needVersion(manager, name, version);
}

const isUsable = `(SELECT s.state FROM version_state s WHERE s.version_id = v.id ORDER BY s.id DESC LIMIT 1)
  NOT IN ('yanked', 'quarantined')`;
const highestWhere = (condition: string): string =>
  `(SELECT v.id FROM version v WHERE v.proxylet_id = $1 AND ${condition} ORDER BY v.precedence DESC LIMIT 1)`;
const findHighest = statement<{ latest: number | null; shown: number | null }>(
  `SELECT h.latest, COALESCE(h.latest, ${highestWhere(isUsable)}, ${highestWhere('1 = 1')}) AS shown
   FROM (SELECT ${highestWhere(`v.is_stable = 1 AND ${isUsable}`)} AS latest) h`,
);
const setHighest = statement(
  `UPDATE proxylet SET revision = revision + 1, latest_version_id = $2, shown_version_id = $3 WHERE id = $1`,
);

/**
 * Brings what a proxylet row and the search index say about its versions in step; called inside every transaction
 * that adds a version or changes a state. Its cost does not grow with the number of versions that may be chosen.
 */
export async function refreshProxylet(
  manager: EntityManager,
  { id }: Pick<ProxyletRow, 'id'>,
): Promise<void> {
  const [highest] = await findHighest(manager, [id]);
  await setHighest(manager, [id, highest?.latest ?? null, highest?.shown ?? null]);
  await indexProxylet(manager, id);
}
