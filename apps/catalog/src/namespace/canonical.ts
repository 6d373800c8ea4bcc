import { Problem } from '@proxylet/contract';
import { skeletonOf } from '../confusable/skeleton.js';

/** Names that would stand for the platform itself, or for a part of an address. */
const reserved = new Set(
  [
    'admin api assets auth blob blobs catalog catalogs console docs engine engines health idm installations internal',
    'latest login logout me metrics namespace namespaces null oauth official openapi platform portal proxylet proxylets',
    'public resolve root run security service services static status support system token tokens undefined user users',
    'v1 v2 version versions well-known www',
  ]
    .join(' ')
    .split(' ')
    .map(canonicalOf),
);

/** What two namespaces must not have in common: they would be taken for one another. */
export function canonicalOf(namespace: string): string {
  return namespace.toLowerCase().replaceAll('-', '');
}

/** @throws Problem `namespace-reserved` */
export function assertNotReserved(namespace: string): void {
  if (!reserved.has(canonicalOf(namespace))) return;
  throw new Problem('namespace-reserved', `The namespace ${namespace} is reserved for the platform.`);
}

/** The reserved name that a namespace could be taken for, if there is one. */
export function likeReserved(namespace: string): string | undefined {
  const skeleton = skeletonOf(namespace);
  return [...reserved].find((name) => skeletonOf(name) === skeleton);
}
