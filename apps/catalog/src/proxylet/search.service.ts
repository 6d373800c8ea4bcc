import { Inject } from '@nestjs/common';
import { isNamePart, type Page, parseName } from '@proxylet/contract';
import { decodeCursor, encodeCursor } from '@proxylet/nest';
import { z } from 'zod';
import { Database } from '../database/database.js';
import { type SqlValue, statement } from '../database/sql.js';
import type { ReadRights } from '../rights/read-rights.js';
import { listByName } from '../search/search-list.js';
import { type Question, SearchPlan } from '../search/search-plan.js';
import { type Filter, runStage } from '../search/search-stage.js';
import { facet } from '../search/terms.js';
import { wordsOf } from '../search/words.js';
import { ServiceQueries } from '../service/service-queries.js';
import type { ProxyletItem } from './proxylet.schemas.js';

export interface Search {
  readonly q?: string | undefined;
  readonly namespace?: string | undefined;
  /** Type of runtime. */
  readonly runtime?: string | undefined;
  readonly capability?: string | undefined;
  /** Name of a service: its proxylets. */
  readonly service?: string | undefined;
  readonly limit: number;
  readonly cursor?: string | undefined;
}

/** Words of a query that count; what comes behind is not looked at. */
const maxWords = 8;
const nothing: Page<ProxyletItem> = { items: [] };
const rankCursor = z.strictObject({ s: z.string(), r: z.int32(), i: z.int32() });
const idOf = statement<{ id: number }>('SELECT id FROM proxylet WHERE namespace = $1 AND name = $2');

export class SearchService {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(ServiceQueries) private readonly services: ServiceQueries,
  ) {}

  /**
   * With words: those that fit best first, the popular ones first among those that fit alike. Without: by name.
   *
   * @throws Problem `not-found` for an unknown service, `invalid-request` for a foreign cursor
   */
  async search(search: Search, reader: ReadRights): Promise<Page<ProxyletItem>> {
    const question = questionOf(search);
    if (question === undefined) return nothing;
    const only = search.service === undefined ? undefined : await this.idsOfService(search.service, reader);
    if (only?.length === 0) return nothing;
    const filter = { reader, only };
    if (question.words.length > 0) return await this.ranked(question, filter, search);
    return await listByName(this.database.read, { ...search, facets: question.facets }, filter);
  }

  private async ranked(
    question: Question,
    filter: Filter,
    { limit, cursor }: Search,
  ): Promise<Page<ProxyletItem>> {
    const start = cursor === undefined ? undefined : decodeCursor(cursor, rankCursor);
    const manager = this.database.read;
    const plan = await SearchPlan.of(manager, question);
    const items: ProxyletItem[] = [];
    let last = start;
    for await (const stage of plan?.stages(start?.s) ?? []) {
      const after = last?.s === stage.key ? { rank: last.r, id: last.i } : undefined;
      for (const hit of await runStage(manager, stage, after, filter, limit + 1 - items.length)) {
        if (items.length === limit) return { items, nextCursor: encodeCursor(last) };
        items.push(JSON.parse(hit.item) as ProxyletItem);
        last = { s: stage.key, r: hit.rank, i: hit.id };
      }
    }
    return { items };
  }

  private async idsOfService(service: string, reader: ReadRights): Promise<number[]> {
    const { definition } = await this.services.needHighest(service, '*', reader);
    const ids: number[] = [];
    for (const { namespace, name } of Object.keys(definition.proxylets).map(parseName)) {
      const values: SqlValue[] = [namespace, name];
      ids.push(...(await idOf(this.database.read, values)).map(({ id }) => id));
    }
    return ids;
  }
}

/** Undefined where there is nothing in it that could be found: `***`, or a namespace that cannot be. */
function questionOf({ q = '', namespace, runtime, capability }: Search): Question | undefined {
  const { within, text } = splitName(q);
  const words = [...new Set(wordsOf(text))].slice(0, maxWords);
  if (words.length === 0 && text.trim() !== '') return undefined;
  const facets = [
    ...(namespace === undefined ? [] : [facet.namespace(namespace)]),
    ...(within === undefined ? [] : [facet.namespace(within)]),
    ...(runtime === undefined ? [] : [facet.runtime(runtime)]),
    ...(capability === undefined ? [] : [facet.capability(capability)]),
  ];
  // Text that no database takes can be no name of anything.
  return facets.some((term) => term.includes('\0') || !term.isWellFormed()) ? undefined : { words, facets };
}

/** `acme/thu` looks for `thu` in the namespace `acme`. */
function splitName(q: string): { readonly within: string | undefined; readonly text: string } {
  const [namespace = '', name = '', ...rest] = q.trim().split('/');
  const isName = rest.length === 0 && isNamePart(namespace) && name !== '';
  return isName ? { within: namespace, text: name } : { within: undefined, text: q };
}
