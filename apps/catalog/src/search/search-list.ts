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
  readonly item: string;
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
    const { hits, last } = await readPart(manager, { words, rare, namespace, after, rows }, filter);
    for (const { item, ...place } of hits) {
      if (items.length === limit) return { items, nextCursor: encodeCursor(after) };
      items.push(JSON.parse(item) as ProxyletItem);
      after = { namespace: place.namespace, name: place.name };
    }
    if (last === undefined) return { items };
    after = { namespace: last.namespace, name: last.name };
    effort.spend(rows);
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

interface Part {
  readonly hits: readonly Listed[];
  /** How far it went; undefined at the end of the list. */
  readonly last: NamePlace | undefined;
}

/** Looks at so many of the next rows by name. */
async function readPart(
  manager: EntityManager,
  { words, rare, namespace, after, rows }: Rows,
  { reader, only }: Filter,
): Promise<Part> {
  const values: SqlValue[] = [];
  const bind = (value: SqlValue): string => `$${values.push(value)}`;
  const conditions = [
    ...(rare === undefined ? [] : [`f.word_id = ${bind(rare)}`, 'x.id = f.proxylet_id']),
    ...(namespace === undefined ? [] : [`x.namespace = ${bind(namespace)}`]),
    ...(after === undefined
      ? []
      : [`(x.namespace, x.name) > (${bind(after.namespace)}, ${bind(after.name)})`]),
    ...(only === undefined ? [] : [`x.id IN (${only.map(bind).join(', ')})`]),
    '1 = 1',
  ];
  const next = `SELECT x.id, x.namespace, x.name
    FROM ${rare === undefined ? '' : 'search_posting f CROSS JOIN '}proxylet x
    WHERE ${conditions.join(' AND ')} ORDER BY x.namespace, x.name`;
  const wanted = [
    ...words.filter((word) => word !== rare).map((word) => hasFacet(bind(word))),
    isThere('search_doc d WHERE d.proxylet_id = a.id'),
    isThere(`proxylet p WHERE p.id = a.id AND ${reader.condition('p', bind)}`),
  ];
  const text = `SELECT a.namespace, a.name, (SELECT d.item FROM search_doc d WHERE d.proxylet_id = a.id) AS item
    FROM (${next} LIMIT ${bind(rows)}) a WHERE ${wanted.join(' AND ')}
    UNION ALL SELECT z.namespace, z.name, NULL AS item FROM (${next} LIMIT 1 OFFSET ${bind(rows - 1)}) z`;
  const found = await prepared<NamePlace & { readonly item: string | null }>(text)(manager, values);
  return {
    hits: found.filter((row): row is Listed => row.item !== null).toSorted(byName),
    last: found.find(({ item }) => item === null),
  };
}

/** In the order of bytes, as the databases have it; names are ASCII. */
function byName(a: NamePlace, b: NamePlace): number {
  if (a.namespace !== b.namespace) return a.namespace < b.namespace ? -1 : 1;
  return a.name < b.name ? -1 : 1;
}

function hasFacet(word: string): string {
  return isThere(`search_posting b WHERE b.proxylet_id = a.id AND b.word_id = ${word}`);
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
