import { Inject } from '@nestjs/common';
import { isNamePart, type Page, parseName } from '@proxylet/contract';
import { decodeCursor } from '@proxylet/nest';
import { Database } from '../database/database.js';
import { type SqlValue, statement } from '../database/sql.js';
import type { ReadRights } from '../rights/read-rights.js';
import { SearchEffort } from '../search/effort.js';
import { listByName } from '../search/search-list.js';
import { type Question, SearchPlan } from '../search/search-plan.js';
import { RankedPage, rankCursor } from '../search/ranked-page.js';
import { type Filter, readPart } from '../search/search-stage.js';
import { stopWords } from '../search/stop-words.js';
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
const idOf = statement<{ id: number }>('SELECT id FROM proxylet WHERE namespace = $1 AND name = $2');

export class SearchService {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(ServiceQueries) private readonly services: ServiceQueries,
  ) {}

  /**
   * With words: those that fit best first, the popular ones first among those that fit alike. Without: by name. A page
   * may have fewer items than asked for, even none, and yet another after it, where what is asked for is far between.
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
    const { namespace, limit, cursor } = search;
    const list = { facets: question.facets, namespace, limit, cursor };
    return await listByName(this.database.read, list, filter);
  }

  private async ranked(
    question: Question,
    filter: Filter,
    { limit, cursor }: Search,
  ): Promise<Page<ProxyletItem>> {
    const start = cursor === undefined ? undefined : decodeCursor(cursor, rankCursor);
    const manager = this.database.read;
    const plan = await SearchPlan.of(manager, question);
    const page = new RankedPage(limit, start);
    const effort = new SearchEffort();
    for await (const stage of plan?.stages(start?.s) ?? []) {
      for (let isOver = false; !isOver; ) {
        if (page.isFull || effort.isSpent) return page.unfinished();
        const hasConditions = stage.demands.length + stage.not.length > 0;
        const rows = effort.next(page.wanted, hasConditions);
        const part = await readPart(manager, stage, page.placeIn(stage), filter, rows);
        page.add(stage, part);
        isOver = part.last === undefined;
        effort.spend(isOver ? part.hits.length : rows);
      }
    }
    return page.finished();
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

/** Undefined where there is nothing in it that could be found, as in `***`. */
function questionOf({ q = '', namespace, runtime, capability }: Search): Question | undefined {
  const { within, text } = splitName(q);
  const words = tellingWords(text);
  if (words.length === 0 && text.trim() !== '') return undefined;
  const facets = [
    ...(namespace === undefined ? [] : [facet.namespace(namespace)]),
    ...(within === undefined ? [] : [facet.namespace(within)]),
    ...(runtime === undefined ? [] : [facet.runtime(runtime)]),
    ...(capability === undefined ? [] : [facet.capability(capability)]),
  ];
  return { words, facets };
}

/** Words that say nothing count only where there are no others. */
function tellingWords(text: string): string[] {
  const words = [...new Set(wordsOf(text))];
  const telling = words.filter((word) => !stopWords.has(word));
  return (telling.length > 0 ? telling : words).slice(0, maxWords);
}

/** `acme/thu` looks for `thu` in the namespace `acme`. */
function splitName(q: string): { readonly within: string | undefined; readonly text: string } {
  const [namespace = '', name = '', ...rest] = q.trim().split('/');
  const isName = rest.length === 0 && isNamePart(namespace) && name !== '';
  return isName ? { within: namespace, text: name } : { within: undefined, text: q };
}
