import type { Page } from '@proxylet/contract';
import { decodeCursor, encodeCursor } from '@proxylet/nest';
import type { EntityManager } from 'typeorm';
import { z } from 'zod';
import { type SqlValue, statement } from '../database/sql.js';
import type { ProxyletItem } from '../proxylet/proxylet.schemas.js';
import { SearchEffort } from './effort.js';
import { findWords } from './search-sql.js';
import { type Filter, isThere, prepared } from './search-stage.js';
import { isListed } from './terms.js';

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
/** Rows up to which facets are told apart by how many proxylets have them. */
const countedRows = 2000;

const countFacet = statement<{ rows: number | string }>(
  `SELECT COUNT(*) AS rows FROM (SELECT 1 FROM search_facet x WHERE x.word_id = $1 LIMIT ${countedRows}) y`,
);

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
  const listed = facets.filter(isListed);
  const words = (await findWords(manager, [JSON.stringify(listed)])).map(({ id }) => id);
  if (words.length < new Set(listed).size) return { items: [] };
  const lead = await rarestOf(manager, words);
  const effort = new SearchEffort();
  const items: ProxyletItem[] = [];
  for (;;) {
    const rows = effort.next(limit + 1 - items.length, words.length > 1);
    const { hits, last } = await readPart(manager, { words, lead, namespace, after, rows }, filter);
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
  /** The one of them whose proxylets are run through; undefined where there are none: all are. */
  readonly lead: number | undefined;
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
  { words, lead, namespace, after, rows }: Rows,
  { reader, only }: Filter,
): Promise<Part> {
  const values: SqlValue[] = [];
  const bind = (value: SqlValue): string => `$${values.push(value)}`;
  const id = lead === undefined ? 'x.id' : 'x.proxylet_id';
  const conditions = [
    ...(lead === undefined ? [] : [`x.word_id = ${bind(lead)}`]),
    ...(namespace === undefined ? [] : [`x.namespace = ${bind(namespace)}`]),
    ...(after === undefined
      ? []
      : [`(x.namespace, x.name) > (${bind(after.namespace)}, ${bind(after.name)})`]),
    ...(only === undefined ? [] : [`${id} IN (${only.map(bind).join(', ')})`]),
    '1 = 1',
  ];
  const next = `SELECT ${id} AS id, x.namespace, x.name FROM ${lead === undefined ? 'proxylet' : 'search_facet'} x
    WHERE ${conditions.join(' AND ')} ORDER BY x.namespace, x.name`;
  const wanted = [
    ...words.filter((word) => word !== lead).map((word) => hasFacet(bind(word))),
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

/** Of facets, one that fewest proxylets have, as far as `countedRows` tells. */
async function rarestOf(manager: EntityManager, words: readonly number[]): Promise<number | undefined> {
  if (words.length < 2) return words[0];
  const counts = await Promise.all(
    words.map(async (word) => {
      const [row] = await countFacet(manager, [word]);
      return { word, rows: Number(row?.rows) };
    }),
  );
  return counts.toSorted((a, b) => a.rows - b.rows)[0]?.word;
}
