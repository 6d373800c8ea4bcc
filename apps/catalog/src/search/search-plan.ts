import type { EntityManager } from 'typeorm';
import { statement } from '../database/sql.js';
import { rankOf, sunken, tiers } from './rank.js';
import { findWords, type Word } from './search-sql.js';
import type { Demand, Stage } from './search-stage.js';
import { forgivenTypos, hashOf, typosBetween, variantsOf } from './words.js';

/** Rows up to which a word counts as rare: reading and sorting them costs less than running through a common one. */
const rareRows = 500;
const maxCorrections = 5;
/** Above every rank; ranks are 32-bit numbers. */
const anyRank = 2 ** 31 - 1;

/** What a search asks, as terms of the index. */
export interface Question {
  readonly words: readonly string[];
  readonly facets: readonly string[];
}

/** Words looked up, and how common each is. */
interface Known extends Word {
  /** 500 stands for more. */
  readonly rows: number;
}

const countRows = statement<{ id: number; rows: number | string }>(
  `SELECT w.id, (SELECT COUNT(*) FROM (SELECT 1 FROM search_posting x WHERE x.word_id = w.id LIMIT ${rareRows}) y) AS rows
   FROM search_word w WHERE w.id = ANY (ARRAY(SELECT CAST(json_array_elements_text($1::json) AS integer)))`,
  `SELECT w.id, (SELECT COUNT(*) FROM (SELECT 1 FROM search_posting x WHERE x.word_id = w.id LIMIT ${rareRows}) y) AS rows
   FROM search_word w WHERE w.id IN (SELECT value FROM json_each($1))`,
);
const findNear = statement<Word>(
  `SELECT DISTINCT w.id, w.word FROM search_variant x JOIN search_word w ON w.id = x.word_id
   WHERE x.variant = ANY (ARRAY(SELECT CAST(json_array_elements_text($1::json) AS integer))) LIMIT 500`,
  `SELECT DISTINCT w.id, w.word FROM search_variant x JOIN search_word w ON w.id = x.word_id
   WHERE x.variant IN (SELECT value FROM json_each($1)) LIMIT 500`,
);

/**
 * The stages of a search, one after the other: what the words fit in names, keywords and capabilities, best first;
 * what they fit with typos; what they fit in prose; then all that again for what is withdrawn. What comes later in the
 * list is worked out only when a page gets there.
 */
export class SearchPlan {
  private readonly words: readonly (Known | undefined)[];
  private readonly corrections = new Map<string, readonly Word[]>();

  private constructor(
    private readonly manager: EntityManager,
    private readonly question: Question,
    private readonly known: ReadonlyMap<string, Known>,
  ) {
    this.words = question.words.map((word) => known.get(word));
  }

  /** Undefined where a facet is unknown: then there is nothing to find. */
  static async of(manager: EntityManager, question: Question): Promise<SearchPlan | undefined> {
    const { words, facets } = question;
    const terms = [...new Set([...words, words.join(''), ...facets])];
    const found = await findWords(manager, [JSON.stringify(terms)]);
    const isOneList = words.length === 1 && facets.length === 0;
    const counts = new Map(
      isOneList
        ? []
        : (await countRows(manager, [JSON.stringify(found.map(({ id }) => id))])).map(
            ({ id, rows }) => [id, Number(rows)] as const,
          ),
    );
    const known = new Map(
      found.map(({ id, word }) => [word, { id, word, rows: counts.get(id) ?? rareRows }]),
    );
    return facets.every((term) => known.has(term)) ? new SearchPlan(manager, question, known) : undefined;
  }

  /** @param key of the stage to begin with; undefined for the first */
  async *stages(key: string | undefined): AsyncGenerator<Stage> {
    let isOn = key === undefined;
    for (const base of [0, sunken]) {
      for await (const stage of this.half(base)) {
        isOn ||= stage.key === key;
        if (isOn) yield stage;
      }
    }
  }

  private async *half(base: number): AsyncGenerator<Stage> {
    const prose = base + rankOf(tiers.description);
    const end = base + rankOf(tiers.facet);
    const all = this.demands(prose);
    const whole = this.joined(base);
    if (whole !== undefined) yield whole;
    const notWhole = whole === undefined ? [] : [[{ words: [whole.word], below: whole.below }]];
    const lead = this.lead();
    if (lead !== undefined && all !== undefined)
      yield this.stage(`${base}:fit`, lead.id, base, prose, all, notWhole);
    yield* this.forgiving(base, all === undefined ? notWhole : [...notWhole, all]);
    if (lead === undefined || all === undefined) return;
    const anywhere = this.demands(end) ?? [];
    if (this.words.length === 1) yield this.stage(`${base}:prose`, lead.id, prose, end, anywhere, []);
    else yield this.stage(`${base}:prose`, lead.id, base, end, anywhere, [...notWhole, all]);
  }

  /** Several words as one: the beginning of a name. */
  private joined(base: number): Stage | undefined {
    const { words } = this.question;
    const whole = words.length > 1 ? this.known.get(words.join('')) : undefined;
    if (whole === undefined) return undefined;
    return this.stage(`${base}:name`, whole.id, base, base + rankOf(tiers.token), [], []);
  }

  /** Each word with those a typo may have made it from, below prose. */
  private async *forgiving(base: number, earlier: readonly (readonly Demand[])[]): AsyncGenerator<Stage> {
    const below = base + rankOf(tiers.description);
    const corrections = await this.correctionsOf(this.question.words);
    if (corrections.every((list) => list.length === 0)) return;
    const options = this.words.map((word, index) => [
      ...(word === undefined ? [] : [word]),
      ...(corrections[index] ?? []),
    ]);
    if (options.some((list) => list.length === 0)) return;
    const lead = this.words.length === 1 ? undefined : this.lead();
    const leadAt = lead === undefined ? 0 : this.words.indexOf(lead);
    const leads: readonly Word[] = lead === undefined ? (corrections[leadAt] ?? []) : [lead];
    const others = options.filter((_list, index) => index !== leadAt);
    const demands = others.map((list) => ({ words: list.map(({ id }) => id), below }));
    const before = [...earlier];
    for (const { id, word } of leads) {
      yield this.stage(`${base}:typo:${word}`, id, base, below, demands, [...before]);
      before.push([{ words: [id], below }]);
    }
  }

  private stage(
    key: string,
    word: number,
    from: number,
    below: number,
    demands: readonly Demand[],
    not: readonly (readonly Demand[])[],
  ): Stage {
    const facets = this.question.facets.flatMap((term) => this.known.get(term) ?? []);
    const rarest = facets.toSorted((a, b) => a.rows - b.rows)[0];
    const rare = rarest !== undefined && rarest.rows < rareRows ? rarest.id : undefined;
    const others = facets.filter(({ id }) => id !== rare);
    const filters = others.map(({ id }) => ({ words: [id], below: anyRank }));
    const useful = demands.filter((demand) => !(demand.words.length === 1 && demand.words[0] === word));
    return { key, word, from, below, demands: [...useful, ...filters], not, rare };
  }

  /** The rarest word tells most: its ranks are the order, its rows are run through. */
  private lead(): Known | undefined {
    return this.words.flatMap((word) => word ?? []).toSorted((a, b) => a.rows - b.rows)[0];
  }

  /** Undefined where a word is unknown. */
  private demands(below: number): Demand[] | undefined {
    if (this.words.includes(undefined)) return undefined;
    return this.words.flatMap((word) => (word === undefined ? [] : [{ words: [word.id], below }]));
  }

  private async correctionsOf(words: readonly string[]): Promise<(readonly Word[])[]> {
    const all: (readonly Word[])[] = [];
    for (const word of words) {
      const list = this.corrections.get(word) ?? (await nearWords(this.manager, word));
      this.corrections.set(word, list);
      all.push(list);
    }
    return all;
  }
}

/** Words of names and keywords that a typo may have meant, the nearest first. */
async function nearWords(manager: EntityManager, word: string): Promise<Word[]> {
  const most = forgivenTypos(word.length);
  if (most === 0) return [];
  const variants = JSON.stringify([...variantsOf(word, most)].map(hashOf));
  const near = (await findNear(manager, [variants]))
    .map(({ id, word: text }) => ({ id, word: text, typos: typosBetween(word, text, most) }))
    .filter(({ typos }) => typos > 0 && typos <= most);
  return near.toSorted((a, b) => a.typos - b.typos || (a.word < b.word ? -1 : 1)).slice(0, maxCorrections);
}
