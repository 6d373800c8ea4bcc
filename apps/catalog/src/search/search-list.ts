import type { Page } from '@proxylet/contract';
import { decodeCursor, encodeCursor } from '@proxylet/nest';
import type { EntityManager } from 'typeorm';
import { z } from 'zod';
import type { SqlValue } from '../database/sql.js';
import type { ProxyletItem } from '../proxylet/proxylet.schemas.js';
import { SearchEffort } from './effort.js';
import { findWords } from './search-sql.js';
import { type Filter, isThere, prepared } from './search-stage.js';

export interface List {
  /** Terms of the index. */
  readonly facets: readonly string[];
  /** The one of them that is a namespace's. */
  readonly namespace: string | undefined;
  readonly limit: number;
  readonly cursor?: string | undefined;
}

const nameCursor = z.strictObject({ namespace: z.string(), name: z.string() });
type NamePlace = z.output<typeof nameCursor>;
/** Facets with fewer rows are read whole and sorted; a list by name is run through for commoner ones. */
const rareRows = 500;

interface Listed extends NamePlace {
  readonly item: string | null;
}

/** Proxylets by name. @throws Problem `invalid-request` for a foreign cursor */
export async function listByName(
  manager: EntityManager,
  { facets, namespace, limit, cursor }: List,
  filter: Filter,
): Promise<Page<ProxyletItem>> {
  let after = cursor === undefined ? undefined : decodeCursor(cursor, nameCursor);
  const words = (await findWords(manager, [JSON.stringify(facets)])).map(({ id }) => id);
  if (words.length < new Set(facets).size) return { items: [] };
  const rare = await rareOf(manager, words);
  const effort = new SearchEffort();
  const items: ProxyletItem[] = [];
  for (;;) {
    const rows = effort.next(limit + 1 - items.length, words.length > 0);
    const seen = await readRows(manager, { words, rare, namespace, after, rows }, filter);
    effort.spend(seen.length);
    for (const { item, ...place } of seen) {
      if (item !== null && items.length === limit) return { items, nextCursor: encodeCursor(after) };
      if (item !== null) items.push(JSON.parse(item) as ProxyletItem);
      after = { namespace: place.namespace, name: place.name };
    }
    if (seen.length < rows) return { items };
    if (effort.isSpent) return { items, nextCursor: encodeCursor(after) };
  }
}

interface Rows {
  readonly words: readonly number[];
  readonly rare: number | undefined;
  readonly namespace: string | undefined;
  readonly after: NamePlace | undefined;
  readonly rows: number;
}

/** The next rows by name; without an item where they do not meet every condition. */
async function readRows(
  manager: EntityManager,
  { words, rare, namespace, after, rows }: Rows,
  { reader, only }: Filter,
): Promise<Listed[]> {
  const values: SqlValue[] = [];
  const bind = (value: SqlValue): string => `$${values.push(value)}`;
  const wanted = [
    reader.condition('p', bind),
    ...words.filter((word) => word !== rare).map((word) => hasFacet(bind(word))),
  ];
  const conditions = [
    ...(rare === undefined ? [] : [`f.word_id = ${bind(rare)}`, 'p.id = f.proxylet_id']),
    ...(namespace === undefined ? [] : [`p.namespace = ${bind(namespace)}`]),
    ...(after === undefined
      ? []
      : [`(p.namespace, p.name) > (${bind(after.namespace)}, ${bind(after.name)})`]),
    ...(only === undefined ? [] : [`p.id IN (${only.map(bind).join(', ')})`]),
    'p.shown_version_id IS NOT NULL',
  ];
  const text = `SELECT p.namespace, p.name, CASE WHEN ${wanted.join(' AND ')}
      THEN (SELECT d.item FROM search_doc d WHERE d.proxylet_id = p.id) END AS item
    FROM ${rare === undefined ? '' : 'search_posting f CROSS JOIN '}proxylet p
    WHERE ${conditions.join(' AND ')} ORDER BY p.namespace, p.name LIMIT ${bind(rows)}`;
  return await prepared<Listed>(text)(manager, values);
}

function hasFacet(word: string): string {
  return isThere(`search_posting b WHERE b.proxylet_id = p.id AND b.word_id = ${word}`);
}

/** One of the words that few proxylets have, if there is any. */
async function rareOf(manager: EntityManager, words: readonly number[]): Promise<number | undefined> {
  for (const word of words) {
    const rows = await prepared<{ one: number }>(
      `SELECT 1 AS one FROM search_posting WHERE word_id = $1 LIMIT ${rareRows}`,
    )(manager, [word]);
    if (rows.length < rareRows) return word;
  }
  return undefined;
}
