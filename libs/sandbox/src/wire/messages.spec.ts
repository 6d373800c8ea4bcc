import { describe, expect, it } from 'vitest';
import { decodeResponseHead, encodeCallHead, splitHead } from './messages.js';

describe('decodeResponseHead', () => {
  it('reads status and headers', () => {
    expect(decodeResponseHead('201\nlocation\t\n/x'.replace('\t', ''))).toEqual({
      status: 201,
      headers: ['location', '/x'],
    });
    expect(decodeResponseHead('204')).toEqual({ status: 204, headers: [] });
  });

  it.each([
    ['no number', 'abc'],
    ['informational status', '101'],
    ['status out of range', '999'],
    ['fraction', '200.5'],
    ['name without value', '200\nx'],
    ['blank in a name', '200\na b\nc'],
    ['carriage return in a value', '200\na\nb\rc'],
    ['NUL in a value', '200\na\nb\u0000'],
    ['character beyond one byte', '200\na\n\u20ac'],
  ])('refuses %s', (_, text) => {
    expect(decodeResponseHead(text)).toBeUndefined();
  });
});

describe('encodeCallHead', () => {
  it('puts one part on each line', () => {
    expect(encodeCallHead('GET', 'http://e/', '{}', 't', ['a', 'b'])).toBe('GET\nhttp://e/\n{}\nt\na\nb');
    expect(encodeCallHead('GET', 'http://e/', '{}', 't', [])).toBe('GET\nhttp://e/\n{}\nt');
  });
});

describe('splitHead', () => {
  it('splits at the first line feed only', () => {
    expect(splitHead('a\nb\nc')).toEqual(['a', 'b\nc']);
    expect(splitHead('a')).toEqual(['a', '']);
  });
});
