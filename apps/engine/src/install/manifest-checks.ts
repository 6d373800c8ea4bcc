import {
  type LockedProxylet,
  type Manifest,
  offersCapability,
  type Permissions,
  permissionsOf,
  Problem,
  type ProblemFault,
  satisfies,
} from '@proxylet/contract';
import type { Installation } from '../installations/installation.js';
import { isSamePermissions } from './consent.js';

export interface LimitCaps {
  readonly memoryMb: number;
  readonly cpuMs: number;
  readonly timeoutMs: number;
}

/** @throws Problem `limit-above-cap`, naming each limit with what is asked and what this engine gives */
export function assertLimits(manifest: Manifest, caps: LimitCaps): void {
  const names = ['memoryMb', 'cpuMs', 'timeoutMs'] as const;
  const errors = names.flatMap((name): ProblemFault[] => {
    const asked = manifest.limits?.[name];
    if (asked === undefined || asked <= caps[name]) return [];
    return [{ pointer: `/limits/${name}`, detail: `asks ${name} ${asked}, this engine gives ${caps[name]}` }];
  });
  const [first] = errors;
  if (first === undefined) return;
  throw new Problem('limit-above-cap', `${manifest.name} ${manifest.version} ${first.detail}.`, { errors });
}

/**
 * The archive is the truth; the catalog's words about it must agree, since the user consented to these.
 *
 * @throws Problem `artifact-corrupt`
 */
export function assertAgrees(manifest: Manifest, locked: LockedProxylet): void {
  const difference = differenceOf(manifest, locked);
  if (difference === undefined) return;
  throw new Problem(
    'artifact-corrupt',
    `The archive of ${locked.name} ${locked.version} is not what the catalog says it is: ${difference}.`,
  );
}

function differenceOf(manifest: Manifest, locked: LockedProxylet): string | undefined {
  if (manifest.name !== locked.name) return `its manifest names ${manifest.name}`;
  if (manifest.version !== locked.version) return `its manifest has version ${manifest.version}`;
  if (!isSamePermissions(permissionsOf(manifest), locked.permissions)) return 'it asks other permissions';
  const dependencies = Object.entries(manifest.dependencies ?? {});
  if (dependencies.length !== Object.keys(locked.dependencies).length) return 'it has other dependencies';
  for (const [name, range] of dependencies) {
    const chosen = locked.dependencies[name];
    if (chosen === undefined || !satisfies(chosen, range)) return `its dependency ${name} is ${range}`;
  }
  return undefined;
}

/**
 * Refuses before anything is downloaded what this engine would take and then never do.
 *
 * @throws Problem `unresolvable`
 */
export function assertOffered(locked: LockedProxylet, offered: readonly string[]): void {
  const missing = neededOf(locked.permissions).filter((want) => !offersCapability(offered, want));
  if (missing.length === 0) return;
  throw new Problem(
    'unresolvable',
    `${locked.name} ${locked.version} needs ${missing.join(', ')}, which this engine does not offer.`,
  );
}

function neededOf({ capabilities, topics, secrets }: Permissions): string[] {
  const hasTopics = topics.subscribe.length + topics.publish.length > 0;
  return [...capabilities, ...(hasTopics ? ['topics'] : []), ...(secrets.length > 0 ? ['secrets'] : [])];
}

/**
 * No change may take from an installation that stays what its manifest needs.
 *
 * @param staying the owner's installations that the change leaves as they are
 * @throws Problem `unresolvable`
 */
export function assertDependentsKept(
  changing: readonly Pick<LockedProxylet, 'name' | 'version'>[],
  staying: readonly Installation[],
): void {
  for (const { name, version } of changing) {
    for (const other of staying) {
      const range = other.manifest.dependencies?.[name];
      if (range === undefined || satisfies(version, range)) continue;
      throw new Problem(
        'unresolvable',
        `${other.name} ${other.version}, which you have installed, needs ${name} ${range}; this change would bring ${version}.`,
      );
    }
  }
}
