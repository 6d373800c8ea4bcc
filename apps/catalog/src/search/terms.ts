import { parseCapability, type QualifiedName } from '@proxylet/contract';
import type { VersionFacts } from '../proxylet/version-facts.js';
import { type Tier, tiers } from './rank.js';
import { stopWords } from './stop-words.js';
import { wordsOf } from './words.js';

/** Goes up whenever the terms of the same proxylet change: what was indexed before is indexed again at the next start. */
export const indexFormat = 1;

const nameStartMax = 16;
const tokenStartMax = 12;
const keywordStartMin = 3;
const keywordWords = 40;
const descriptionWords = 60;
const readmeWords = 24;
const readmeLength = 4000;

export interface Indexed {
  /** What the proxylet is found by, and how well each fits. */
  readonly terms: ReadonlyMap<string, Tier>;
  /** Words that a typo may have meant: of the name and the keywords. */
  readonly forgiving: ReadonlySet<string>;
}

/** Facets are no words, so that no query text can be one. */
export const facet = {
  namespace: (name: string): string => `#n:${name}`,
  runtime: (type: string): string => `#r:${type}`,
  capability: (name: string): string => `#c:${name}`,
};

/** Whether lists are made by this term: a runtime's or a capability's. */
export function isListed(term: string): boolean {
  return term.startsWith('#r:') || term.startsWith('#c:');
}

/** Everything a proxylet is found by. README text counts with its first words only: it is the longest and says least. */
export function termsOf(
  { namespace, name }: QualifiedName,
  facts: Pick<VersionFacts, 'description' | 'keywords' | 'runtime' | 'capabilities'>,
  readme: string | null,
): Indexed {
  const terms = new Map<string, Tier>();
  const add = (term: string, tier: Tier): void => {
    if ((terms.get(term) ?? Number.POSITIVE_INFINITY) > tier) terms.set(term, tier);
  };
  const capabilities = facts.capabilities.map((text) => parseCapability(text).name);
  const named = wordsOf(name);
  const keywords = wordsOf((facts.keywords ?? []).join(' ')).slice(0, keywordWords);
  addName(named, add);
  for (const word of [...wordsOf(namespace), namespace.replaceAll('-', ''), ...capabilities.flatMap(wordsOf)])
    add(word, tiers.token);
  for (const word of keywords) addStarts(word, keywordStartMin, tokenStartMax, add);
  for (const word of proseOf(facts.description ?? '').slice(0, descriptionWords))
    add(word, tiers.description);
  for (const word of telling((readme ?? '').slice(0, readmeLength))) add(word, tiers.readme);
  add(facet.namespace(namespace), tiers.facet);
  add(facet.runtime(facts.runtime.type), tiers.facet);
  for (const capability of capabilities) add(facet.capability(capability), tiers.facet);
  return { terms, forgiving: new Set([...named, ...keywords].filter((word) => word.length >= 3)) };
}

function proseOf(text: string): string[] {
  return wordsOf(text).filter((word) => !stopWords.has(word));
}

/** The first words of a README that are long enough to be looked for. */
function telling(readme: string): string[] {
  return [...new Set(proseOf(readme).filter((word) => word.length >= 4))].slice(0, readmeWords);
}

type Add = (term: string, tier: Tier) => void;

function addName(words: readonly string[], add: Add): void {
  const joined = words.join('');
  add(joined, tiers.exactName);
  for (let length = 1; length <= Math.min(joined.length, nameStartMax); length += 1)
    add(joined.slice(0, length), tiers.nameStart);
  for (const word of words) addStarts(word, 1, tokenStartMax, add);
}

function addStarts(word: string, min: number, max: number, add: Add): void {
  add(word, tiers.token);
  for (let length = min; length < Math.min(word.length, max + 1); length += 1)
    add(word.slice(0, length), tiers.tokenStart);
}
