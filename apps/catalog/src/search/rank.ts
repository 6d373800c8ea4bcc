/**
 * How well a word fits a proxylet, best first. A row of the index has one of these; where a word fits in several ways,
 * the best.
 */
export const tiers = {
  /** The word is the name. */
  exactName: 0,
  /** The name begins with it. */
  nameStart: 1,
  /** A whole word of the name, a keyword, a capability, or the namespace. */
  token: 2,
  /** A word of the name or a keyword begins with it. */
  tokenStart: 3,
  /** From here on the word stands in prose. */
  description: 4,
  readme: 5,
  /** No word but a property to filter by. */
  facet: 6,
} as const;
export type Tier = (typeof tiers)[keyof typeof tiers];

const tierStep = 2 ** 18;
const popularityStep = 2 ** 12;
export const maxPopularity = 63;
const maxWeek = popularityStep - 1;
const firstDay = Date.UTC(2020, 0, 1);
const weekMs = 7 * 24 * 60 * 60 * 1000;

/** Rows of a proxylet with nothing but withdrawn versions come this far behind all others. */
export const sunken = 2 ** 22;

/** First rank of a tier. */
export function rankOf(tier: Tier): number {
  return tier * tierStep;
}

/** What decides between proxylets that a word fits alike: first the popular ones, then those with news this week. */
export interface Standing {
  /** 0 to 63. */
  readonly popularity: number;
  /** RFC 3339, of the newest version. */
  readonly newestAt: string;
  /** Every version is yanked or held. */
  readonly isSunken: boolean;
}

/** Added to `rankOf` of a tier; lower comes first. */
export function standingRank({ popularity, newestAt, isSunken }: Standing): number {
  const week = Math.floor((Date.parse(newestAt) - firstDay) / weekMs);
  const age = maxWeek - Math.min(Math.max(week, 0), maxWeek);
  return (isSunken ? sunken : 0) + (maxPopularity - popularity) * popularityStep + age;
}

/** 0 to 63, in steps of about a quarter more; a dependant weighs as much as twenty downloads. */
export function popularityOf(downloads: number, dependants: number): number {
  return Math.min(maxPopularity, Math.round(3 * Math.log2(1 + downloads + 20 * dependants)));
}

/** Whether so many use it that others may be taken for it: about 100 downloads, or five dependants. */
export function isPopular(popularity: number): boolean {
  return popularity >= 20;
}

export function popularityInStanding(standing: number): number {
  return maxPopularity - (Math.floor(standing / popularityStep) % (maxPopularity + 1));
}

/** The same standing with another popularity. */
export function withPopularity(standing: number, popularity: number): number {
  return standing + (popularityInStanding(standing) - popularity) * popularityStep;
}
