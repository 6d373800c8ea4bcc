import { Problem } from '@proxylet/contract';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { assertIfMatch, etagOf, matchesEtag } from './etag.js';
import { decodeCursor, encodeCursor, pageQuery, queryFlag } from './paging.js';

const position = z.tuple([z.string(), z.int()]);

test('a cursor comes back as it went', () => {
  expect(decodeCursor(encodeCursor(['demo/geo', 7]), position)).toEqual(['demo/geo', 7]);
});

test.each(['', '%%%', 'AAAA', encodeCursor(['demo/geo']), encodeCursor({ $ne: 1 })])(
  '%j is no cursor',
  (cursor) => {
    expect(() => decodeCursor(cursor, position)).toThrow(Problem);
  },
);

test('a page has 50 items unless the caller says otherwise', () => {
  const query = z.strictObject({ ...pageQuery, dry: queryFlag });
  expect(query.parse({})).toEqual({ limit: 50, dry: false });
  expect(query.parse({ limit: '100', dry: '' })).toEqual({ limit: 100, dry: true });
  for (const limit of ['0', '101', '-1', '1.5', 'x', ''])
    expect(query.safeParse({ limit }).success).toBe(false);
});

test('an entity tag depends on every part and on where the parts end', () => {
  expect(etagOf('ab', 'c')).toBe(etagOf('ab', 'c'));
  expect(new Set([etagOf('ab', 'c'), etagOf('a', 'bc'), etagOf('abc')]).size).toBe(3);
});

test('If-None-Match and If-Match are read as RFC 9110 says', () => {
  const tag = etagOf('x');
  expect(matchesEtag(undefined, tag)).toBe(false);
  expect(matchesEtag(`"other", W/${tag}`, tag)).toBe(true);
  expect(matchesEtag('*', tag)).toBe(true);
  for (const header of [undefined, tag, `"other", ${tag}`, '*']) {
    expect(() => {
      assertIfMatch(header, tag);
    }).not.toThrow();
  }
  expect(() => {
    assertIfMatch(`W/${tag}`, tag);
  }).toThrow('precondition-failed');
});
