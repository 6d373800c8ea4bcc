import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { startService } from '../../test/test-service.js';
import { problemOf, ThingModule } from '../../test/thing-module.js';

const json = { 'content-type': 'application/json' };
const bad: [string, string, RequestInit, number, string, string[]][] = [
  ['a path parameter', '/v1/things/ABC', {}, 400, 'invalid-request', ['/params/id']],
  ['a limit of 0', '/v1/things/abc?limit=0', {}, 400, 'invalid-request', ['/query/limit']],
  ['a limit that is no number', '/v1/things/abc?limit=1e1', {}, 400, 'invalid-request', ['/query/limit']],
  ['a limit given twice', '/v1/things/abc?limit=1&limit=2', {}, 400, 'invalid-request', ['/query/limit']],
  ['an unknown parameter', '/v1/things/abc?limti=1', {}, 400, 'invalid-request', ['/query/limti']],
  [
    'several things at once',
    '/v1/things/ABC?limit=0',
    {},
    400,
    'invalid-request',
    ['/params/id', '/query/limit'],
  ],
  ['no body', '/v1/things/abc', { method: 'PUT' }, 400, 'invalid-request', ['/body']],
  [
    'broken JSON',
    '/v1/things/abc',
    { method: 'PUT', headers: json, body: '{"size":' },
    400,
    'invalid-request',
    [],
  ],
  [
    'a poisoned prototype',
    '/v1/things/abc',
    { method: 'PUT', headers: json, body: '{"size":1,"__proto__":{"x":1}}' },
    400,
    'invalid-request',
    [],
  ],
  ['a path with a NUL', '/v1/things/a%00', {}, 400, 'invalid-request', ['/params/id', '/params/id']],
  [
    'a name with half a character',
    '/v1/things/abc',
    { method: 'PUT', headers: json, body: '{"size":1,"\\ud800":1}' },
    400,
    'invalid-request',
    ['/body', '/body/\ud800'],
  ],
  [
    'a member too many',
    '/v1/things/abc',
    { method: 'PUT', headers: json, body: '{"size":1,"owner":"bob"}' },
    400,
    'invalid-request',
    ['/body/owner'],
  ],
  [
    'JSON nested 100 000 deep',
    '/v1/things/abc',
    { method: 'PUT', headers: json, body: '['.repeat(100_000) + ']'.repeat(100_000) },
    400,
    'invalid-request',
    ['/body'],
  ],
  [
    'a form',
    '/v1/things/abc',
    { method: 'PUT', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: 'size=1' },
    415,
    'unsupported-media-type',
    [],
  ],
  [
    'JSON that claims to be text',
    '/v1/things/abc',
    { method: 'PUT', headers: { 'content-type': 'text/plain' }, body: '{"size":1}' },
    415,
    'unsupported-media-type',
    [],
  ],
  [
    'an archive where JSON belongs',
    '/v1/things/abc',
    { method: 'PUT', headers: { 'content-type': 'application/gzip' }, body: 'xx' },
    415,
    'unsupported-media-type',
    [],
  ],
  [
    'more than 256 KB of JSON',
    '/v1/things/abc',
    { method: 'PUT', headers: json, body: JSON.stringify({ size: 1, note: 'x'.repeat(300_000) }) },
    413,
    'body-too-large',
    [],
  ],
  ['an unknown address', '/v1/nothing', {}, 404, 'not-found', []],
  ['an address that is no text', '/v1/things/%ff', {}, 400, 'invalid-request', []],
];
test.each(bad)('refuses %s', async (_name, path, init, status, code, pointers) => {
  await using sut = await startService(ThingModule);
  const response = await sut.fetch(path, { token: await sut.issuer.token(), ...init });
  const problem = await problemOf(response);
  expect([response.status, problem.code]).toEqual([status, code]);
  expect((problem.errors ?? []).map(({ pointer }) => pointer)).toEqual(pointers);
});

test('hands an archive on as it comes', async () => {
  await using sut = await startService(ThingModule);
  const body = gzipSync(Buffer.alloc(3_000_000, 'noise'), { level: 0 });
  const response = await sut.fetch('/v1/things/abc/archive', {
    method: 'POST',
    headers: { 'content-type': 'application/gzip' },
    body,
  });
  expect(await response.json()).toEqual({ bytes: body.byteLength });
  const asJson = await sut.fetch('/v1/things/abc/archive', { method: 'POST', headers: json, body: '{}' });
  expect((await problemOf(asJson)).code).toBe('unsupported-media-type');
});
