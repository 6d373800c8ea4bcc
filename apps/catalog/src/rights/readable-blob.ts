import { type Digest, formatName, Problem } from '@proxylet/contract';
import type { EntityManager } from 'typeorm';
import { ProxyletRow, VersionRow, VersionStateRow } from '../database/proxylet.entity.js';
import { assertNotHeld } from './held.js';
import type { ReadRights } from './read-rights.js';

/**
 * Size of an archive, where some version the caller may read refers to it. Bytes of an upload that came to nothing
 * are nobody's, and bytes of what is hidden from the caller are not there.
 *
 * @throws Problem `not-found`, `quarantined`
 */
export async function sizeOfReadable(
  manager: EntityManager,
  digest: Digest,
  reader: ReadRights,
): Promise<number> {
  const query = manager
    .createQueryBuilder(VersionRow, 'v')
    .innerJoin(ProxyletRow, 'p', 'p.id = v.proxyletId')
    .innerJoin(
      VersionStateRow,
      's',
      's.id = (SELECT MAX(x.id) FROM version_state x WHERE x.version_id = v.id)',
    )
    .select(['p.namespace AS namespace', 'p.name AS name', 'v.version AS version'])
    .addSelect(['v.sizeBytes AS size', 's.state AS state', 's.reason AS reason'])
    .where('v.digest = :digest', { digest });
  const rows = await reader.restrict(query, 'p').getRawMany<ReferringVersion>();
  const [first] = rows;
  if (first === undefined) throw new Problem('not-found', `There is no archive with the digest ${digest}.`);
  for (const row of rows) assertNotHeld(row, `${formatName(row)} ${row.version}`);
  return Number(first.size);
}

interface ReferringVersion extends Pick<VersionStateRow, 'state' | 'reason'> {
  readonly namespace: string;
  readonly name: string;
  readonly version: string;
  readonly size: number | string;
}
