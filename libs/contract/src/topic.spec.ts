import { expect, test } from 'vitest';
import { isTopic, isTopicFilter, matchesTopic } from './topic.js';

test.each([
  ['meters', 'meters', true],
  ['meters', 'meters.a', false],
  ['meters.a', 'meters', false],
  ['meters.*', 'meters.a', true],
  ['meters.*', 'meters.a.b', false],
  ['meters.*.total', 'meters.a.total', true],
  ['meters.*.total', 'meters.a.sum', false],
  ['meters.>', 'meters.a.b', true],
  ['meters.>', 'meters', false],
  ['>', 'a', true],
  ['*.>', 'a', false],
  ['*.>', 'a.b', true],
])('%s and %s: %s', (filter, topic, isMet) => expect(matchesTopic(filter, topic)).toBe(isMet));

test.each(['a', 'meters.a-1.B_2'])('takes the topic %s', (text) => {
  expect([isTopic(text), isTopicFilter(text)]).toEqual([true, true]);
});
test.each(['*', '>', 'a.>', 'a.*.b'])('takes the filter %s, which is no topic', (text) => {
  expect([isTopic(text), isTopicFilter(text)]).toEqual([false, true]);
});
test.each([
  '',
  '.',
  'a.',
  '.a',
  'a..b',
  'a b',
  'a.>.b',
  'a*',
  '>a',
  'ä',
  'a\n',
  'a.'.repeat(16) + 'a',
  'a'.repeat(201),
])('refuses %j', (text) => expect([isTopic(text), isTopicFilter(text)]).toEqual([false, false]));
