import type { EntityManager } from 'typeorm';
import { type SqlValue, statement, type Statement } from '../database/sql.js';
import type { ReadRights } from '../rights/read-rights.js';

/** One of these words must fit, each to a rank below `below`. */
export interface Demand {
  readonly words: readonly number[];
  readonly below: number;
}

/**
 * A run through the rows of one word in the order of their ranks, which is the order of the answer; every other
 * condition is looked up row by row.
 */
export interface Stage {
  /** Names the stage in cursors. */
  readonly key: string;
  readonly word: number;
  readonly from: number;
  readonly below: number;
  readonly demands: readonly Demand[];
  /** Nothing that meets all the demands of one of these: it was in an earlier stage. */
  readonly not: readonly (readonly Demand[])[];
  /** Rare enough to be read first and sorted then: fewer than 500 rows. */
  readonly rare: number | undefined;
}

export interface Place {
  readonly rank: number;
  readonly id: number;
}

export interface Filter {
  readonly reader: ReadRights;
  /** Only these proxylets. */
  readonly only: readonly number[] | undefined;
}

export interface Hit extends Place {
  /** JSON of an item of the answer. */
  readonly item: string;
}

/** What a part of a stage has: its hits, and how far it went; undefined where that was the stage's end. */
export interface Part {
  readonly hits: readonly Hit[];
  readonly last: Place | undefined;
}

type Bind = (value: SqlValue) => string;

/** Looks at so many of the next rows of a stage. */
export async function readPart(
  manager: EntityManager,
  stage: Stage,
  after: Place | undefined,
  filter: Filter,
  rows: number,
): Promise<Part> {
  const values: SqlValue[] = [];
  const bind: Bind = (value) => `$${values.push(value)}`;
  const next = rowsOf(stage, after, filter, bind);
  const conditions = [
    ...stage.demands.map((demand) => fits(demand, bind)),
    ...stage.not.map((demands) => `NOT (${demands.map((demand) => fits(demand, bind)).join(' AND ')})`),
    isThere(`proxylet p WHERE p.id = a.id AND ${filter.reader.condition('p', bind)}`),
  ];
  // Only hits leave the database, and of the rows looked at the last.
  const text = `SELECT a.rank, a.id, (SELECT d.item FROM search_doc d WHERE d.proxylet_id = a.id) AS item
    FROM (${next} LIMIT ${bind(rows)}) a WHERE ${conditions.join(' AND ')}
    UNION ALL SELECT z.rank, z.id, NULL AS item FROM (${next} LIMIT 1 OFFSET ${bind(rows - 1)}) z`;
  const found = await prepared<Place & { readonly item: string | null }>(text)(manager, values);
  const hits = found.filter((row): row is Hit => row.item !== null);
  return {
    hits: hits.toSorted((a, b) => a.rank - b.rank || a.id - b.id),
    last: found.find(({ item }) => item === null),
  };
}

/** A CROSS JOIN in SQLite keeps the order of tables that is written; PostgreSQL chooses by itself. */
function rowsOf(
  { word, from, below, rare }: Stage,
  after: Place | undefined,
  { only }: Filter,
  bind: Bind,
): string {
  const conditions = [
    ...(rare === undefined ? [] : [`f.word_id = ${bind(rare)}`, 'x.proxylet_id = f.proxylet_id']),
    `x.word_id = ${bind(word)}`,
    `x.rank < ${bind(below)}`,
    after === undefined
      ? `x.rank >= ${bind(from)}`
      : `(x.rank, x.proxylet_id) > (${bind(after.rank)}, ${bind(after.id)})`,
    ...(only === undefined ? [] : [`x.proxylet_id IN (${only.map(bind).join(', ')})`]),
  ];
  const tables = rare === undefined ? 'search_posting x' : 'search_posting f CROSS JOIN search_posting x';
  return `SELECT x.rank, x.proxylet_id AS id FROM ${tables}
    WHERE ${conditions.join(' AND ')} ORDER BY x.rank, x.proxylet_id`;
}

function fits({ words, below }: Demand, bind: Bind): string {
  return isThere(`search_posting b WHERE b.proxylet_id = a.id
    AND b.word_id IN (${words.map(bind).join(', ')}) AND b.rank < ${bind(below)}`);
}

/** As EXISTS, for which PostgreSQL would read the whole table where many rows ask. */
export function isThere(from: string): string {
  return `(SELECT 1 FROM ${from} LIMIT 1) IS NOT NULL`;
}

/** Few texts come about: they differ by the number of words and by what the caller may read. */
const texts = new Map<string, Statement<unknown>>();
const maxTexts = 500;

export function prepared<Row>(text: string): Statement<Row> {
  const known = texts.get(text);
  if (known !== undefined) return known as Statement<Row>;
  if (texts.size >= maxTexts) texts.clear();
  const made = statement<Row>(text);
  texts.set(text, made);
  return made;
}
