import type { Visibility } from '@proxylet/contract';
import type { EntityManager } from 'typeorm';
import { NamespaceRow } from '../database/namespace.entity.js';

/** Visibility of a proxylet about to be made, as its namespace wants it. */
export async function visibilityOfNew(manager: EntityManager, namespace: string): Promise<Visibility> {
  const row = await manager.findOneBy(NamespaceRow, { name: namespace });
  return row?.defaultVisibility ?? 'private';
}
