import { expect, test } from 'vitest';
import { EgressRules } from './egress-rules.js';
import { matchesOrigin, parseOrigin, parseOriginPattern } from './origin-rules.js';

function matches(pattern: string, url: string): boolean {
  const parsed = parseOriginPattern(pattern);
  return parsed !== undefined && matchesOrigin(parsed, new URL(url));
}

test.each([
  ['https://api.example.com', 'https://api.example.com/v1?q'],
  ['https://api.example.com', 'https://API.example.com:443/'],
  ['https://*.tiles.org', 'https://a.tiles.org/1'],
  ['https://*.tiles.org', 'https://a.b.tiles.org/1'],
  ['http://*.tiles.org:8080', 'http://a.tiles.org:8080/'],
])('%s allows %s', (pattern, url) => {
  expect(matches(pattern, url)).toBe(true);
});

test.each([
  ['https://api.example.com', 'http://api.example.com/'],
  ['https://api.example.com', 'https://api.example.com:8443/'],
  ['https://api.example.com', 'https://api.example.com.evil.org/'],
  ['https://api.example.com', 'https://evil.org/api.example.com'],
  ['https://api.example.com', 'https://api.example.com./'],
  ['https://*.tiles.org', 'https://tiles.org/'],
  ['https://*.tiles.org', 'https://eviltiles.org/'],
  ['https://*.tiles.org', 'https://a.tiles.org:444/'],
])('%s does not allow %s', (pattern, url) => {
  expect(matches(pattern, url)).toBe(false);
});

test.each(['ftp://a.b', 'https://a.b/path', 'https://u@a.b', 'a.b', '', '*'])(
  'the pattern %s allows nothing',
  (text) => {
    expect(parseOriginPattern(text)).toBeUndefined();
  },
);

test('an opened origin is exact and without wildcard', () => {
  expect(parseOrigin('http://10.0.0.7:1026')).toBe('http://10.0.0.7:1026');
  expect(parseOrigin('http://10.0.0.7:80')).toBe('http://10.0.0.7');
  expect(parseOrigin('http://*.local')).toBeUndefined();
  expect(parseOrigin('http://10.0.0.7/path')).toBeUndefined();
});

test('an origin is opened to the named proxylets alone', () => {
  const rules = new EgressRules();
  const rule = { changedBy: 'user|i|adam', changedAtMs: 0 };
  rules.set({ origin: 'http://10.0.0.7', proxylets: ['acme/*', 'demo/geo'], ...rule });
  const opened = (name: string) => rules.isOpened('http://10.0.0.7', name);
  expect(['acme/a', 'acme/b', 'demo/geo'].every(opened)).toBe(true);
  expect(['acme2/a', 'demo/meters', 'demo/geo2', 'x/acme'].some(opened)).toBe(false);
  expect(rules.isOpened('http://10.0.0.7:81', 'acme/a')).toBe(false);
});

test('tells of every change', () => {
  const rules = new EgressRules();
  let changes = 0;
  rules.onChange(() => (changes += 1));
  rules.set({ origin: 'http://10.0.0.7', proxylets: ['a/b'], changedBy: '', changedAtMs: 0 });
  expect(rules.delete('http://10.0.0.7')).toBe(true);
  expect(rules.delete('http://10.0.0.7')).toBe(false);
  expect(changes).toBe(2);
});
