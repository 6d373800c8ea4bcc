import {
  type Candidate,
  type Constraint,
  parseName,
  type ProxyletVersions,
  type ResolveSource,
} from '@proxylet/contract';
import type { EntityManager } from 'typeorm';
import { statement } from '../database/sql.js';
import type { ReadRights } from '../rights/read-rights.js';
import { KnownVersions } from './known-versions.js';

const findChannels = statement<{ channel: string; version: string }>(
  `SELECT c.name AS channel, v.version FROM proxylet p JOIN channel c ON c.proxylet_id = p.id
   JOIN version v ON v.id = c.version_id WHERE p.namespace = $1 AND p.name = $2`,
);

/** Gives resolution the names it comes upon, as far as the caller may read them, with channels where a want asks for one. */
export function candidateLoader(
  manager: EntityManager,
  reader: ReadRights,
  wants: readonly Constraint[],
): ResolveSource['load'] {
  const withChannels = new Set(wants.flatMap(({ name, channel }) => (channel === undefined ? [] : name)));
  return async (names) => {
    const versions = await KnownVersions.of(manager).find(manager, reader, names);
    const found = new Map<string, ProxyletVersions>();
    for (const [name, known] of versions) {
      const channels = withChannels.has(name) ? await channelsOfName(manager, name) : undefined;
      found.set(name, { versions: known, channels });
    }
    return found;
  };
}

async function channelsOfName(manager: EntityManager, name: string): Promise<Record<string, string>> {
  const { namespace, name: own } = parseName(name);
  const rows = await findChannels(manager, [namespace, own]);
  return Object.fromEntries(rows.map(({ channel, version }) => [channel, version]));
}

/** Versions of one name, highest first; none where the name is unknown or not for this caller. */
export async function versionsOfName(
  manager: EntityManager,
  reader: ReadRights,
  name: string,
): Promise<readonly Candidate[]> {
  return (await KnownVersions.of(manager).find(manager, reader, [name])).get(name) ?? [];
}
