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
 * condition is looked up row by row. It ends with the page, so its cost does not grow with the rows there are.
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
  /** Rare enough to be read first and sorted then: 500 rows at most. */
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

interface Hit {
  readonly rank: number;
  readonly id: number;
  readonly item: string;
}

/** The next hits of a stage. */
export async function runStage(
  manager: EntityManager,
  stage: Stage,
  after: Place | undefined,
  filter: Filter,
  limit: number,
): Promise<Hit[]> {
  const values: SqlValue[] = [];
  const bind = (value: SqlValue): string => `$${values.push(value)}`;
  const conditions = [
    `a.word_id = ${bind(stage.word)}`,
    `a.rank < ${bind(stage.below)}`,
    after === undefined
      ? `a.rank >= ${bind(stage.from)}`
      : `(a.rank, a.proxylet_id) > (${bind(after.rank)}, ${bind(after.id)})`,
    ...stage.demands.map((demand) => fits(demand, bind)),
    ...stage.not.map((demands) => `NOT (${demands.map((demand) => fits(demand, bind)).join(' AND ')})`),
    ...(filter.only === undefined ? [] : [`a.proxylet_id IN (${filter.only.map(bind).join(', ')})`]),
    filter.reader.condition('p', bind),
  ];
  const text = `SELECT a.rank, a.proxylet_id AS id, d.item FROM ${source(stage, bind, conditions)}
    CROSS JOIN proxylet p CROSS JOIN search_doc d
    WHERE p.id = a.proxylet_id AND d.proxylet_id = a.proxylet_id AND ${conditions.join(' AND ')}
    ORDER BY a.rank, a.proxylet_id LIMIT ${bind(limit)}`;
  return await prepared<Hit>(text)(manager, values);
}

/** A CROSS JOIN in SQLite keeps the order of tables that is written; PostgreSQL chooses by itself. */
function source({ rare }: Stage, bind: (value: SqlValue) => string, conditions: string[]): string {
  if (rare === undefined) return 'search_posting a';
  conditions.push(`f.word_id = ${bind(rare)}`, 'a.proxylet_id = f.proxylet_id');
  return 'search_posting f CROSS JOIN search_posting a';
}

function fits({ words, below }: Demand, bind: (value: SqlValue) => string): string {
  return `EXISTS (SELECT 1 FROM search_posting b WHERE b.proxylet_id = a.proxylet_id
    AND b.word_id IN (${words.map(bind).join(', ')}) AND b.rank < ${bind(below)})`;
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
