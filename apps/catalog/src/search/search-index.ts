import { createHash } from 'node:crypto';
import { formatName } from '@proxylet/contract';
import type { EntityManager } from 'typeorm';
import { skeletonOf } from '../confusable/skeleton.js';
import type { ProxyletItem } from '../proxylet/proxylet.schemas.js';
import { parseFacts } from '../proxylet/version-facts.js';
import { isPopular, popularityOf, rankOf, standingRank, type Tier, tiers } from './rank.js';
import * as sql from './search-sql.js';
import { indexFormat, type Indexed, isListed, termsOf } from './terms.js';
import { hashOf, indexedTypos, variantsOf } from './words.js';

/**
 * Brings the index in step with a proxylet: part of every transaction that changes what is shown of it, so that
 * search knows of a version the moment its publisher does. Costs two look-ups where no word changed.
 */
export async function indexProxylet(manager: EntityManager, proxyletId: number): Promise<void> {
  const [shown] = await sql.findShown(manager, [proxyletId]);
  if (shown === undefined) return;
  const facts = parseFacts(shown.facts);
  const item = JSON.stringify(itemOf(shown));
  const popularity = popularityOf(Number(shown.downloads ?? 0), shown.dependants ?? 0);
  const standing = standingRank({
    popularity,
    newestAt: shown.published_at,
    isSunken: shown.state === 'yanked' || shown.state === 'quarantined',
  });
  const indexed = termsOf(shown, facts, shown.readme);
  const digest = digestOf(indexed);
  const [before] = await sql.findDoc(manager, [proxyletId]);
  const isPlaced = before?.digest === digest && before.standing === standing && before.format === indexFormat;
  if (isPlaced && before.item === item) return;
  const words = isPlaced ? before.words : await writePostings(manager, proxyletId, indexed, standing, before);
  await sql.putDoc(manager, [
    proxyletId,
    indexFormat,
    digest,
    standing,
    skeletonOf(shown.name),
    shown.name,
    isPopular(popularity) ? 1 : 0,
    item,
    words,
  ]);
}

/** An item of a search's answer, as the index keeps it. */
function itemOf(shown: sql.Shown): ProxyletItem {
  const { description, keywords, license, runtime, capabilities } = parseFacts(shown.facts);
  return {
    name: formatName(shown),
    ...(description === undefined ? {} : { description }),
    ...(keywords === undefined ? {} : { keywords: [...keywords] }),
    ...(license === undefined ? {} : { license }),
    ...(shown.latest === null ? {} : { latest: shown.version }),
    version: shown.version,
    runtime,
    capabilities: [...capabilities],
  };
}

/** Of the terms: most versions change none. */
function digestOf({ terms }: Indexed): string {
  const hash = createHash('sha256');
  for (const [term, tier] of terms) hash.update(`${term} ${tier}\n`);
  return hash.digest('base64url');
}

/** Brings the rows of the index in step with the terms. @returns what `search_doc` keeps of them */
async function writePostings(
  manager: EntityManager,
  proxyletId: number,
  indexed: Indexed,
  standing: number,
  before: sql.DocHead | undefined,
): Promise<string> {
  const ids = await wordIds(manager, indexed);
  const pairs = [...indexed.terms].flatMap(([term, tier]): WordTier[] => {
    const id = ids.get(term);
    return id === undefined ? [] : [[id, tier]];
  });
  const wanted = new Map(pairs.map(([id, tier]) => [id, rankOf(tier) + standing]));
  const gone: number[] = [];
  const isSound = before?.format === indexFormat;
  for (const [id, tier] of wordsOfDoc(before?.words)) {
    if (isSound && wanted.get(id) === rankOf(tier) + before.standing) wanted.delete(id);
    else gone.push(id);
  }
  if (gone.length > 0) await sql.deletePostings(manager, [proxyletId, JSON.stringify(gone)]);
  const added = [...wanted].map(([w, r]) => ({ w, r }));
  if (added.length > 0) await sql.insertPostings(manager, [proxyletId, JSON.stringify(added)]);
  await writeFacets(manager, proxyletId, listedIds(indexed, ids), before);
  return JSON.stringify(pairs);
}

/** Words of what lists are made by. A namespace needs none: names begin with it. */
function listedIds({ terms }: Indexed, ids: ReadonlyMap<string, number>): number[] {
  return [...terms.keys()].filter(isListed).flatMap((term) => ids.get(term) ?? []);
}

/** What a proxylet no longer has goes; rows of a namespace's facet never were. */
async function writeFacets(
  manager: EntityManager,
  proxyletId: number,
  now: readonly number[],
  before: sql.DocHead | undefined,
): Promise<void> {
  const had = wordsOfDoc(before?.words).flatMap(([id, tier]) => (tier === tiers.facet ? [id] : []));
  const gone = had.filter((id) => !now.includes(id));
  if (gone.length > 0) await sql.deleteFacets(manager, [proxyletId, JSON.stringify(gone)]);
  if (now.length > 0) await sql.insertFacets(manager, [proxyletId, JSON.stringify(now)]);
}

type WordTier = readonly [id: number, tier: Tier];

/** Reads what `search_doc` keeps of a proxylet's words. */
export function wordsOfDoc(words = '[]'): readonly WordTier[] {
  return JSON.parse(words) as WordTier[];
}

/** Ids of all terms; new ones get theirs, and those a typo may have meant their variants. */
async function wordIds(manager: EntityManager, { terms, forgiving }: Indexed): Promise<Map<string, number>> {
  const all = JSON.stringify([...terms.keys()]);
  const ids = new Map((await sql.findWords(manager, [all])).map(({ id, word }) => [word, id]));
  const isAnyNew = ids.size < terms.size;
  if (isAnyNew) {
    await sql.lockWords(manager);
    // In one order everywhere; those another transaction added meanwhile are read after it committed.
    const missing = [...terms.keys()].filter((term) => !ids.has(term)).toSorted();
    await sql.insertWords(manager, [JSON.stringify(missing)]);
    for (const { id, word } of await sql.findWords(manager, [JSON.stringify(missing)])) ids.set(word, id);
  }
  await forgive(
    manager,
    [...forgiving].map((word) => ({ word, id: ids.get(word) ?? 0 })),
  );
  return ids;
}

/** The variant that is the beginning of the word itself tells whether the others are there. */
async function forgive(manager: EntityManager, words: readonly sql.Word[]): Promise<void> {
  if (words.length === 0) return;
  const own = words.map(({ word, id }) => ({ v: hashOf(word.slice(0, 7)), w: id }));
  const known = new Set(
    (await sql.findForgiving(manager, [JSON.stringify(own)])).map(({ word_id: id }) => id),
  );
  const missing = words.filter(({ id }) => !known.has(id));
  if (missing.length === 0) return;
  await sql.lockWords(manager);
  const rows = missing.flatMap(({ word, id }) =>
    [...variantsOf(word, indexedTypos(word.length))].map((variant) => ({ v: hashOf(variant), w: id })),
  );
  await sql.insertVariants(manager, [JSON.stringify(rows)]);
}
