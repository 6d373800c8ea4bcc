import { type Digest, formatName, Problem } from '@proxylet/contract';
import type { EntityManager } from 'typeorm';
import type { VersionStateRow } from '../database/proxylet.entity.js';
import type { SqlValue } from '../database/sql.js';
import { prepared } from '../search/search-stage.js';
import { assertNotHeld } from './held.js';
import type { ReadRights } from './read-rights.js';

interface ReferringVersion extends Pick<VersionStateRow, 'state' | 'reason'> {
  readonly namespace: string;
  readonly name: string;
  readonly version: string;
  readonly size: number;
}

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
  const values: SqlValue[] = [digest];
  const mayRead = reader.condition('p', (value) => `$${values.push(value)}`);
  const rows = await prepared<ReferringVersion>(
    `SELECT p.namespace, p.name, v.version, v.size_bytes AS size, s.state, s.reason
     FROM version v JOIN proxylet p ON p.id = v.proxylet_id
     JOIN version_state s ON s.id = (SELECT MAX(x.id) FROM version_state x WHERE x.version_id = v.id)
     WHERE v.digest = $1 AND ${mayRead}`,
  )(manager, values);
  const [first] = rows;
  if (first === undefined) throw new Problem('not-found', `There is no archive with the digest ${digest}.`);
  for (const row of rows) assertNotHeld(row, `${formatName(row)} ${row.version}`);
  return first.size;
}
