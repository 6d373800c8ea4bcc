import { can, type Principal } from '@proxylet/auth';
import { formatName, Problem, type QualifiedName } from '@proxylet/contract';
import type { EntityManager } from 'typeorm';
import { writeAudit } from '../audit.js';
import { likeReserved } from '../namespace/canonical.js';
import { typosBetween } from '../search/words.js';
import * as sql from './confusable-sql.js';
import { skeletonOf } from './skeleton.js';

/** Who wants a name, and whether a platform admin lets it pass; then what it is like is audited. */
export interface NameWish {
  readonly principal: Principal;
  readonly allowConfusable: boolean;
  readonly at: string;
}

/** Shorter names are near too many others. */
const typoLengthMin = 5;

/**
 * Whether names of proxylets may be taken for others, at their first publish. In namespaces of other owners no name may
 * look the same without being the same, nor be one typo away from a popular one: the very same name is fine, since
 * the namespace tells them apart. Private proxylets neither count nor are given away.
 *
 * @throws Problem `name-confusable`, `forbidden` where somebody else than a platform admin wants it to pass
 */
export async function assertNamesAreClear(
  manager: EntityManager,
  targets: readonly QualifiedName[],
  wish: NameWish,
): Promise<void> {
  const fresh: QualifiedName[] = [];
  for (const target of targets) if (await isNew(manager, target)) fresh.push(target);
  // In one order, so that publishes of several names never wait for each other crosswise.
  for (const skeleton of new Set(fresh.map(({ name }) => skeletonOf(name)).toSorted()))
    await sql.lockSkeleton(manager, [skeleton]);
  for (const target of fresh) {
    const like = await findLike(manager, target);
    if (like !== undefined) await refuse(manager, 'proxylet', formatName(target), formatName(like), wish);
  }
}

/**
 * The same for a new namespace, against all namespaces of other owners and the reserved names; keeps what the name
 * looks like.
 *
 * @throws Problem as `assertNamesAreClear`
 */
export async function assertNamespaceIsClear(
  manager: EntityManager,
  namespace: string,
  wish: NameWish,
): Promise<void> {
  const skeleton = skeletonOf(namespace);
  await sql.lockSkeleton(manager, [skeleton]);
  const { key } = wish.principal;
  const same = await sql.findNamespaces(manager, [skeleton, namespace, key]);
  const near =
    namespace.length < typoLengthMin
      ? []
      : (await sql.popularNamespaces(manager, [namespace.length, key])).filter(
          (other) => typosBetween(other.namespace, namespace, 1) === 1,
        );
  const like = likeReserved(namespace) ?? same[0]?.namespace ?? near[0]?.namespace;
  if (like !== undefined) await refuse(manager, 'namespace', namespace, like, wish);
  await sql.keepNamespace(manager, [namespace, skeleton]);
}

async function isNew(manager: EntityManager, { namespace, name }: QualifiedName): Promise<boolean> {
  return (await sql.findProxylet(manager, [namespace, name])).length === 0;
}

async function findLike(
  manager: EntityManager,
  { namespace, name }: QualifiedName,
): Promise<QualifiedName | undefined> {
  const skeleton = skeletonOf(name);
  if ((await sql.findSameName(manager, [skeleton, name])).length > 0) return undefined;
  const [same] = await sql.findLike(manager, [skeleton, namespace]);
  if (same !== undefined || name.length < typoLengthMin) return same;
  const popular = await sql.findPopular(manager, [name.length, namespace]);
  return popular.find((other) => typosBetween(other.name, name, 1) === 1);
}

async function refuse(
  manager: EntityManager,
  what: 'proxylet' | 'namespace',
  name: string,
  like: string,
  { principal, allowConfusable, at }: NameWish,
): Promise<void> {
  if (!allowConfusable) {
    throw new Problem(
      'name-confusable',
      `The ${what} ${name} could be taken for ${like}, which exists; choose a name that differs more. A platform admin may let it pass.`,
      { extra: { like } },
    );
  }
  if (can(principal, 'catalog.admin') !== 'allow')
    throw new Problem('forbidden', 'Only a platform admin may let a confusable name pass.');
  await writeAudit(manager, {
    at,
    actor: principal.key,
    action: `${what}.allow-confusable`,
    target: name,
    detail: { like },
  });
}
