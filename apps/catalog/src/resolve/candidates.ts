import { type Candidate, type Constraint, parseName, Problem, satisfies } from '@proxylet/contract';
import type { EntityManager } from 'typeorm';
import { parseFacts } from '../proxylet/version-facts.js';
import {
  type CurrentVersion,
  findProxylet,
  manyCurrent,
  slimVersionsOf,
} from '../proxylet/version-queries.js';

/** Names one resolution may reach. */
const maxNames = 500;
/** Versions of one name that are looked at, the highest first. */
const maxVersions = 1000;

/**
 * Loads every version of every name that can be reached from the wants, breadth first: a dependency is followed
 * only from versions some constraint met so far admits. An unknown name is absent from the map.
 *
 * @throws Problem `unresolvable` where more than 500 names can be reached
 */
export async function loadCandidates(
  manager: EntityManager,
  wants: readonly Constraint[],
): Promise<Map<string, readonly Candidate[]>> {
  const loaded = new Map<string, readonly Candidate[]>();
  const followed = new Set<Candidate>();
  const open: { readonly name: string; readonly range: string }[] = [...wants];
  for (let next = open.shift(); next !== undefined; next = open.shift()) {
    const { name, range } = next;
    const candidates = loaded.get(name) ?? (await versionsOfName(manager, name));
    loaded.set(name, candidates);
    if (loaded.size > maxNames) {
      throw new Problem('unresolvable', `The wants lead to more than ${maxNames} proxylets.`);
    }
    for (const candidate of candidates) {
      if (followed.has(candidate) || candidate.state === 'yanked' || !satisfies(candidate.version, range))
        continue;
      followed.add(candidate);
      for (const [target, targetRange] of Object.entries(candidate.dependencies)) {
        open.push({ name: target, range: targetRange });
      }
    }
  }
  return loaded;
}

/** Versions of one name, highest first; none where the name is unknown. */
export async function versionsOfName(manager: EntityManager, name: string): Promise<Candidate[]> {
  const proxylet = await findProxylet(manager, parseName(name));
  if (proxylet === undefined) return [];
  const query = slimVersionsOf(manager, proxylet.id).orderBy('v.precedence', 'DESC').limit(maxVersions);
  return (await manyCurrent(query)).map(candidateOf);
}

function candidateOf({ version, digest, sizeBytes, facts, current }: CurrentVersion): Candidate {
  const { runtime, capabilities, dependencies, permissions } = parseFacts(facts);
  const { state, reason } = current;
  return {
    version,
    digest,
    sizeBytes,
    state,
    stateReason: reason,
    runtime,
    capabilities,
    dependencies,
    permissions,
  };
}
