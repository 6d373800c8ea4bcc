import { parseName } from '@proxylet/contract';
import type { EntityManager } from 'typeorm';
import { ProxyletRow } from '../database/proxylet.entity.js';
import type { ReadRights } from './read-rights.js';

/** Rows looked for in one query. */
const step = 400;

/** Which of the names, `namespace/name`, are proxylets that exist and that the caller may not read. */
export async function hiddenOf(
  manager: EntityManager,
  names: ReadonlySet<string>,
  reader: ReadRights,
): Promise<ReadonlySet<string>> {
  const hidden = new Set<string>();
  if (reader.seesAll) return hidden;
  const all = [...names];
  for (let at = 0; at < all.length; at += step) {
    const wanted = all.slice(at, at + step).map((name) => parseName(name));
    const rows = await manager.find(ProxyletRow, {
      select: { id: true, namespace: true, name: true, visibility: true },
      where: wanted.map(({ namespace, name }) => ({ namespace, name })),
    });
    for (const row of rows) {
      if (!(await reader.mayRead(manager, row))) hidden.add(`${row.namespace}/${row.name}`);
    }
  }
  return hidden;
}
