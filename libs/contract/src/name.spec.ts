import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatName, isName, isNamePart, parseName, quote } from './name.js';
import { Problem } from './problem.js';

const part = fc.stringMatching(/^[a-z0-9]{1,6}(-[a-z0-9]{1,6}){0,4}$/);

describe('a name', () => {
  it('reads back as it was written', () => {
    fc.assert(
      fc.property(part, part, (namespace, name) => {
        expect(formatName(parseName(`${namespace}/${name}`))).toBe(`${namespace}/${name}`);
      }),
    );
  });

  it.each([
    ['empty', ''],
    ['one part', 'acme'],
    ['three parts', 'a/b/c'],
    ['an empty part', 'acme/'],
    ['upper case', 'Acme/thumb'],
    ['an underscore', 'acme/thumb_nail'],
    ['a leading hyphen', 'acme/-thumb'],
    ['a trailing hyphen', 'acme/thumb-'],
    ['a double hyphen', 'acme/thu--mb'],
    ['a letter that only looks like one', 'acme/thumb\u0430'],
    ['a dot', 'acme/..'],
    ['a part of 65 characters', `acme/${'a'.repeat(65)}`],
    ['a line feed at its end', 'acme/thumb\n'],
  ])('is refused with %s', (_, text) => {
    expect(isName(text)).toBe(false);
    expect(() => parseName(text)).toThrow(Problem);
  });

  it('costs linear time on hostile text', () => {
    expect(isNamePart(`${'a-'.repeat(500_000)}!`)).toBe(false);
  });
});

describe('quote', () => {
  it('bounds foreign text and shows control characters', () => {
    expect(quote('a\n\u001b[31m')).toBe(String.raw`"a\n\u001b[31m"`);
    expect(quote('x'.repeat(1000)).length).toBeLessThan(90);
  });
});
