import { expect, it } from 'vitest';
import { cleanText } from './clean-text.js';

it.each([
  ['a colour of a terminal', '\u001b[31mred\u001b[0m', '\\x1b[31mred\\x1b[0m'],
  ['a bell, a carriage return and a delete', 'a\u0007b\rc\u007fd', 'a\\x07b\\x0dc\\x7fd'],
  ['a control of C1', '\u009b2J', '\\x9b2J'],
  ['separators of lines', 'a\u2028b\u2029c', 'a\\u2028b\\u2029c'],
  ['a mark that turns the text', 'safe\u202Etxt.exe', 'safe\\u202etxt.exe'],
])('writes out %s', (_, text, clean) => {
  expect(cleanText(text)).toBe(clean);
});

it('leaves what is harmless', () => {
  const text = 'tab\tline\nümläut 漢字 👍🏽 \\x1b';
  expect(cleanText(text)).toBe(text);
});
