import type { Page } from '@proxylet/contract';
import { decodeCursor, encodeCursor } from '@proxylet/nest';
import { z } from 'zod';

/** One page of a list that is in memory, in the order of a key that is unique among its items. */
export function pageOf<T>(
  items: readonly T[],
  keyOf: (item: T) => string,
  { limit, cursor }: { readonly limit: number; readonly cursor?: string | undefined },
): Page<T> {
  const after = cursor === undefined ? undefined : decodeCursor(cursor, z.string());
  const rest = items
    .map((item) => ({ item, key: keyOf(item) }))
    .filter(({ key }) => after === undefined || key > after)
    .toSorted((a, b) => (a.key < b.key ? -1 : 1));
  const page = rest.slice(0, limit);
  const last = page.at(-1);
  return {
    items: page.map(({ item }) => item),
    ...(rest.length > limit && last !== undefined ? { nextCursor: encodeCursor(last.key) } : {}),
  };
}
