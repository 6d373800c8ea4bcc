import { assert, integer, property } from 'fast-check';
import { expect, test } from 'vitest';
import {
  isPopular,
  maxPopularity,
  popularityInStanding,
  popularityOf,
  rankOf,
  standingRank,
  sunken,
  tiers,
  withPopularity,
} from './rank.js';

const standing = { popularity: 0, newestAt: '2026-05-01T00:00:00.000Z', isSunken: false };

const rank = (popularity: number, newestAt: string): number =>
  standingRank({ ...standing, popularity, newestAt });

test('a better fit comes before any popularity, and what is withdrawn after everything', () => {
  const worstName = rankOf(tiers.exactName) + standingRank({ ...standing, newestAt: '1999-01-01T00:00:00Z' });
  const bestStart = rankOf(tiers.nameStart) + standingRank({ ...standing, popularity: maxPopularity });
  expect(worstName).toBeLessThan(bestStart);
  const worst = rankOf(tiers.facet) + standingRank(standing);
  expect(worst).toBeLessThan(sunken);
  expect(standingRank({ ...standing, isSunken: true })).toBeGreaterThan(worst);
  expect(rankOf(tiers.facet) + 2 * sunken).toBeLessThan(2 ** 31);
});

test('popular comes before new, and new before old', () => {
  expect(rank(5, '2024-01-01T00:00:00Z')).toBeLessThan(rank(4, '2026-01-01T00:00:00Z'));
  expect(rank(5, '2026-01-01T00:00:00Z')).toBeLessThan(rank(5, '2025-01-01T00:00:00Z'));
});

test('a standing tells its popularity and takes another', () => {
  assert(
    property(integer({ min: 0, max: 63 }), integer({ min: 0, max: 63 }), (before, after) => {
      for (const isSunken of [false, true]) {
        const now = standingRank({ ...standing, popularity: before, isSunken });
        expect(popularityInStanding(now)).toBe(before);
        expect(withPopularity(now, after)).toBe(standingRank({ ...standing, popularity: after, isSunken }));
      }
    }),
  );
});

test('popularity grows with downloads and dependants, by steps, and has an end', () => {
  expect([0, 1, 10, 100, 1e12].map((downloads) => popularityOf(downloads, 0))).toEqual([0, 3, 10, 20, 63]);
  expect(popularityOf(0, 5)).toBe(popularityOf(100, 0));
  expect([popularityOf(50, 0), popularityOf(0, 5)].map(isPopular)).toEqual([false, true]);
});
