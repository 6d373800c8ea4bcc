import { expect, test } from 'vitest';
import { isRunPath, parseRunPath } from './run-path.js';

test.each([
  ['/run/acme/thumb/a?b=1', 'acme/thumb', '/a?b=1'],
  ['/run/acme/thumb/', 'acme/thumb', '/'],
  ['/run/acme/thumb', 'acme/thumb', '/'],
  ['/run/acme/thumb?b=1', 'acme/thumb', '/?b=1'],
  ['/run/acme/thumb/a/b/../c', 'acme/thumb', '/a/b/../c'],
  ['/run/acme/thumb//x', 'acme/thumb', '//x'],
])('splits %s', (url, name, target) => {
  expect(parseRunPath(url)).toEqual({ name, prefix: `/run/${name}`, target });
});

test.each(['/run/', '/run/acme', '/run/acme/', '/run//thumb/x', '/run/acme?x/y', '/run/?acme/thumb'])(
  'finds no proxylet in %s',
  (url) => {
    expect(parseRunPath(url)).toBeUndefined();
  },
);

test('keeps an encoded name as it is, so that it names nothing', () => {
  expect(parseRunPath('/run/%61cme/thumb/x')?.name).toBe('%61cme/thumb');
});

test('leaves other paths to the control plane', () => {
  expect(['/run', '/runs/a/b', '/v1/run/a/b'].some(isRunPath)).toBe(false);
});
