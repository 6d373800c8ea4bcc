import { join } from 'node:path';
import request from 'supertest';
import { afterAll, describe, expect, it } from 'vitest';
import { CatalogWay } from '../support/catalog-way.js';
import { filesBelow } from '../support/files.js';
import { hello } from '../support/sources.js';
import { useStack } from '../support/use-stack.js';

const way = new CatalogWay();
afterAll(() => way[Symbol.asyncDispose]());

const suite = useStack({ catalogUrlForEngine: way.between }, async (stack) => {
  await stack.publish({ name: 'acme/wanted', source: hello });
  await stack.publish({ name: 'acme/there', source: hello });
  await stack.registerService('acme/suite', { version: '1.0.0', proxylets: { 'acme/wanted': '*' } });
  await stack.install('alice', 'acme/there');
});

type Route = readonly [method: 'get' | 'put' | 'post' | 'delete', path: string, body?: object];

const installRoutes: readonly Route[] = [
  ['put', '/v1/installations/acme/wanted', { version: '*', consent: true }],
  ['post', '/v1/services/acme/suite/initialize', { consent: true }],
  ['delete', '/v1/installations/acme/there'],
];
const callRoutes: readonly Route[] = [
  ['get', '/run/acme/there/'],
  ['post', '/run/acme/wanted/x', { any: 'body' }],
];
const allRoutes: readonly Route[] = [
  ...installRoutes,
  ...callRoutes,
  ['get', '/v1/installations'],
  ['get', '/v1/admin/installations'],
];

function nameOf([method, path]: Route): string {
  return `${method} ${path}`;
}

function call([method, path, body]: Route, authorization: string | undefined): request.Test {
  const test = request(suite.stack.engine.url)[method](path);
  if (authorization !== undefined) test.set('authorization', authorization);
  return body === undefined ? test : test.send(body);
}

/** Runs the calls and asserts that neither the catalog was asked nor a byte stored. */
async function withoutDownload(calls: () => Promise<void>): Promise<void> {
  const store = join(suite.stack.stateDir, 'engine');
  const before = { asked: way.requests.length, files: await filesBelow(store, 'sha256') };
  expect(before.files).toHaveLength(1);
  await calls();
  expect(way.requests.slice(before.asked)).toEqual([]);
  expect(await filesBelow(store, 'sha256')).toEqual(before.files);
}

const noToken: readonly (readonly [what: string, header: () => Promise<string | undefined>, code: string])[] =
  [
    ['without a token', async () => undefined, 'no-credentials'],
    ['with another scheme', async () => 'Basic YWxpY2U6YWxpY2U=', 'invalid-token'],
    ['with text that is no token', async () => 'Bearer alice', 'invalid-token'],
    [
      "with a token for the catalog's audience",
      () => suite.stack.bearer('alice', 'catalog'),
      'invalid-token',
    ],
    [
      'with a token whose claims were changed',
      async () => forged(await suite.stack.bearer('bob', 'engine')),
      'invalid-token',
    ],
  ];

describe.each(noToken)('%s', (_, header, code) => {
  it('every route answers 401 with WWW-Authenticate, and nothing is downloaded', async () => {
    await withoutDownload(async () => {
      for (const route of allRoutes) {
        const answer = await call(route, await header());
        expect.soft(answer.status, nameOf(route)).toBe(401);
        expect.soft(answer.headers['www-authenticate'], nameOf(route)).toMatch(/^Bearer /);
        expect.soft(answer.body, nameOf(route)).toMatchObject({ code });
      }
    });
  });
});

describe('without the scope', () => {
  it.each([
    ['engine:invoke', installRoutes],
    ['engine:install', callRoutes],
  ])(
    'a token for %s alone is answered with 403 elsewhere, and nothing is downloaded',
    async (scope, routes) => {
      const header = await suite.stack.bearer('alice', 'engine', scope);
      await withoutDownload(async () => {
        for (const route of routes) {
          const answer = await call(route, header);
          expect.soft(answer.status, nameOf(route)).toBe(403);
          expect.soft(answer.body, nameOf(route)).toMatchObject({ code: 'insufficient-scope' });
          expect
            .soft(answer.headers['www-authenticate'], nameOf(route))
            .toMatch(/error="insufficient_scope"/);
        }
      });
    },
  );

  it('a user has no part in administration', async () => {
    const answer = await call(
      ['get', '/v1/admin/installations'],
      await suite.stack.bearer('alice', 'engine'),
    );
    expect(answer.status).toBe(403);
  });
});

describe('with the scope but without consent', () => {
  it('what the version asks for is listed, and nothing is downloaded', async () => {
    await suite.stack.publish({ name: 'acme/asking', source: hello, manifest: { capabilities: ['kv'] } });
    const before = way.downloads.length;
    const route: Route = ['put', '/v1/installations/acme/asking', { version: '*' }];
    const answer = await call(route, await suite.stack.bearer('alice', 'engine'));
    expect(answer.status).toBe(409);
    expect(answer.body).toMatchObject({ code: 'consent-required' });
    expect(JSON.stringify(answer.body)).toContain('kv');
    expect(way.downloads.length).toBe(before);
  });
});

it('the catalog takes no token for the engine', async () => {
  const answer = await request(suite.stack.catalog.url)
    .get('/v1/proxylets/acme/there')
    .set('authorization', await suite.stack.bearer('alice', 'engine'));
  expect(answer.status).toBe(401);
  expect(answer.headers['www-authenticate']).toMatch(/^Bearer /);
});

it('a reader cannot publish', async () => {
  const packed = await suite.stack.publish({ name: 'acme/mine', source: hello });
  const answer = await suite.stack.putArchive(packed, 'alice');
  expect(answer.status).toBe(403);
});

/** The same token, said to be for alice. */
function forged(header: string): string {
  const [head = '', claims = '', signature = ''] = header.slice('Bearer '.length).split('.');
  const changed = { ...JSON.parse(Buffer.from(claims, 'base64url').toString('utf8')), sub: 'alice' };
  return `Bearer ${head}.${Buffer.from(JSON.stringify(changed)).toString('base64url')}.${signature}`;
}
