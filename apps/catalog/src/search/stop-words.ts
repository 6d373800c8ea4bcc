/** English words that say nothing of what a text is about. In prose they are not indexed, beside others not looked for. */
export const stopWords: ReadonlySet<string> = new Set(
  (
    'a an and any are as at be been but by can do does each for from has have how if in into is it its itself more no ' +
    'not of on one only or other our out over per same so such than that the their them then there these they this ' +
    'those to up use used uses using via was what when where which while who will with you your'
  ).split(' '),
);
