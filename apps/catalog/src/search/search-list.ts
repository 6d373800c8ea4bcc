import { type Page } from '@proxylet/contract';
import { decodeCursor, encodeCursor } from '@proxylet/nest';
import type { EntityManager } from 'typeorm';
import { z } from 'zod';
import type { SqlValue } from '../database/sql.js';
import type { ProxyletItem } from '../proxylet/proxylet.schemas.js';
import { findWords } from './search-sql.js';
import { type Filter, prepared } from './search-stage.js';

export interface List {
  /** Terms of the index. */
  readonly facets: readonly string[];
  readonly limit: number;
  readonly cursor?: string | undefined;
}

const nameCursor = z.strictObject({ namespace: z.string(), name: z.string() });
/** Facets with fewer rows are read whole and sorted; a list by name is run through for commoner ones. */
const rareRows = 500;

interface Listed {
  readonly namespace: string;
  readonly name: string;
  readonly item: string;
}

/** Proxylets by name. @throws Problem `invalid-request` for a foreign cursor */
export async function listByName(
  manager: EntityManager,
  { facets, limit, cursor }: List,
  filter: Filter,
): Promise<Page<ProxyletItem>> {
  const after = cursor === undefined ? undefined : decodeCursor(cursor, nameCursor);
  const words = await findWords(manager, [JSON.stringify(facets)]);
  if (words.length < new Set(facets).size) return { items: [] };
  const values: SqlValue[] = [];
  const bind = (value: SqlValue): string => `$${values.push(value)}`;
  const rare = await rareOf(
    manager,
    words.map(({ id }) => id),
  );
  const conditions = [
    'd.proxylet_id = p.id',
    filter.reader.condition('p', bind),
    ...(rare === undefined ? [] : [`f.word_id = ${bind(rare)}`, 'p.id = f.proxylet_id']),
    ...words.filter(({ id }) => id !== rare).map(({ id }) => hasFacet(bind(id))),
    ...(after === undefined
      ? []
      : [`(p.namespace, p.name) > (${bind(after.namespace)}, ${bind(after.name)})`]),
    ...(filter.only === undefined ? [] : [`p.id IN (${filter.only.map(bind).join(', ')})`]),
  ];
  const text = `SELECT p.namespace, p.name, d.item
    FROM ${rare === undefined ? '' : 'search_posting f CROSS JOIN '}proxylet p CROSS JOIN search_doc d
    WHERE ${conditions.join(' AND ')} ORDER BY p.namespace, p.name LIMIT ${bind(limit + 1)}`;
  return pageOf(await prepared<Listed>(text)(manager, values), limit);
}

function hasFacet(word: string): string {
  return `EXISTS (SELECT 1 FROM search_posting b WHERE b.proxylet_id = p.id AND b.word_id = ${word})`;
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

function pageOf(rows: readonly Listed[], limit: number): Page<ProxyletItem> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const items = shown.map(({ item }) => JSON.parse(item) as ProxyletItem);
  if (rows.length <= limit || last === undefined) return { items };
  return { items, nextCursor: encodeCursor({ namespace: last.namespace, name: last.name }) };
}
