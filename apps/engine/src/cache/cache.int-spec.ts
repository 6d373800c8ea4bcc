import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { TestEngine } from '../../test/test-engine.js';

/** Runs the text of the request as the body of a test: each test then stands beside what it expects. */
const bench = (bodies: readonly string[]) => `
const tests = [${bodies.map((body) => `async (env, ctx, up, request) => { ${body} }`).join(',\n')}];
const errorOf = async (work) => { try { await work; return 'none' } catch (error) { return error.name + ': ' + error.message } };
export default { async fetch(request, env, ctx) {
  const { searchParams } = new URL(request.url);
  try {
    const value = await tests[Number(searchParams.get('n'))](env, ctx, searchParams.get('up'), request);
    return value instanceof Response ? value : Response.json(value ?? null);
  } catch (error) { return new Response(error.stack, { status: 599 }) }
} };`;

const bodies: string[] = [];
const body = (text: string): number => bodies.push(text) - 1;

const shape = body(`return [
  typeof caches, caches instanceof CacheStorage, caches.default instanceof Cache, env.CACHE === caches.default,
  await errorOf((async () => new Cache())()), Object.prototype.toString.call(caches),
];`);
const basics = body(`
  const cache = await caches.open('v1');
  await cache.put(up + '/a?x=1#frag', new Response('hello', { headers: { 'x-a': 'b', 'content-type': 'text/plain' } }));
  const hit = await cache.match(up + '/a?x=1');
  const names = [await caches.keys(), await caches.has('v1'), await caches.has('v2')];
  const told = [hit.status, hit.headers.get('x-a'), await hit.text()];
  const misses = [await cache.match(up + '/a'), await cache.match(new Request(up + '/a?x=1', { method: 'POST' }))];
  const loose = await (await cache.match(up + '/a', { ignoreSearch: true })).text();
  const anyMethod = await (await cache.match(new Request(up + '/a?x=1', { method: 'POST' }), { ignoreMethod: true })).text();
  const keys = (await cache.keys()).map(({ url }) => url.slice(up.length));
  const all = await Promise.all((await cache.matchAll()).map((one) => one.text()));
  const anywhere = await (await caches.match(up + '/a?x=1')).text();
  const gone = [await cache.delete(up + '/a?x=1'), await cache.delete(up + '/a?x=1'), await caches.delete('v1')];
  return { names, told, misses, loose, anyMethod, keys, all, anywhere, gone };`);
const refusals = body(`
  const cache = caches.default;
  const used = new Response('x'); await used.text();
  return Promise.all([
    cache.put(new Request(up + '/', { method: 'POST' }), new Response('x')),
    cache.put('ftp://a/', new Response('x')),
    cache.put(up + '/', new Response('x', { status: 206 })),
    cache.put(up + '/', new Response('x', { headers: { vary: 'a, *' } })),
    cache.put(up + '/', used),
    cache.put(up + '/', 'text'),
    cache.add(up + '/missing'),
    cache.addAll([up + '/a', up + '/a']),
  ].map(async (one) => (await errorOf(one)).split(':')[0]));`);
const adding = body(`
  const cache = await caches.open('added');
  await cache.addAll([up + '/one', new Request(up + '/two', { headers: { 'x-a': '1' } })]);
  const first = (await cache.keys()).map(({ url, headers }) => [url.slice(up.length), headers.get('x-a')]);
  const failed = await errorOf(cache.addAll([up + '/three', up + '/missing']));
  return { first, failed, after: (await cache.keys()).length, two: await (await cache.match(up + '/two')).text() };`);
const large = body(`
  const bytes = new Uint8Array(1_500_000).fill(7);
  await caches.default.put(up + '/big', new Response(bytes));
  const back = await (await caches.default.match(up + '/big')).bytes();
  return [back.length, back.every((one) => one === 7)];`);
const largeThrough = body(`return caches.default.match(up + '/big');`);
const store = body(`await caches.default.put(up + '/kept', new Response('kept')); return 'ok';`);
const kept = body(
  `const hit = await caches.default.match(up + '/kept'); return hit === undefined ? 'none' : hit.text();`,
);
const fetching = body(`
  const path = request.headers.get('x-path');
  const options = JSON.parse(request.headers.get('x-options') ?? '{}');
  if (options.staleIfError === 'always') options.staleIfError = Infinity;
  try {
    const answer = await env.CACHE.fetch(up + path, options);
    return { status: answer.status, text: await answer.text(), how: answer.headers.get('cache-status') };
  } catch (error) { return { error: error.name } }`);
const quota = body(`
  for (let n = 0; n < 4; n += 1) await caches.default.put(up + '/q' + n, new Response(new Uint8Array(900_000)));
  const left = (await caches.default.keys()).map(({ url }) => url.slice(up.length));
  return [left, (await errorOf(caches.default.put(up + '/huge', new Response(new Uint8Array(3_000_000))))).split(':')[0]];`);

let engine: TestEngine;
let upstream: Server;
let served: string[];
let answer: (request: IncomingMessage, response: ServerResponse) => void;
let up: string;

beforeAll(async () => {
  engine = await TestEngine.start({ PROXYLET_ENGINE_CACHE_MAX_BYTES: '2800000' });
  upstream = createServer((request, response) => {
    served.push(request.url ?? '');
    answer(request, response);
  });
  await new Promise<void>((done) => upstream.listen(0, '127.0.0.1', done));
  up = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  engine.catalog.publish('acme/cached', '1.0.0', bench(bodies), { capabilities: ['cache'] });
  engine.catalog.publish('acme/other', '1.0.0', bench(bodies), { capabilities: ['cache'] });
  engine.catalog.publish('acme/none', '1.0.0', bench(bodies));
  for (const name of ['acme/cached', 'acme/other', 'acme/none']) {
    expect((await engine.install(name)).status).toBe(201);
  }
  const rule = { origin: up, proxylets: ['acme/*'] };
  expect((await engine.call('PUT', '/v1/admin/egress', { body: rule, token: engine.admin() })).status).toBe(
    200,
  );
});
afterAll(async () => {
  upstream.closeAllConnections();
  upstream.close();
  await engine[Symbol.asyncDispose]();
});
beforeEach(() => {
  served = [];
  answer = (request, response) => {
    response.writeHead(request.url === '/missing' ? 404 : 200, { 'content-type': 'text/plain' });
    response.end(`body of ${request.url ?? ''}`);
  };
});

async function run(
  n: number,
  { name = 'acme/cached', ...headers }: Record<string, string> = {},
): Promise<unknown> {
  const {
    status,
    text,
    body: json,
  } = await engine.call('GET', `/run/${name}/?n=${n}&up=${encodeURIComponent(up)}`, {
    headers,
  });
  if (status !== 200) throw new Error(text);
  return json;
}

test('the objects are those of the web', async () => {
  expect(await run(shape)).toEqual([
    'object',
    true,
    true,
    true,
    'TypeError: Illegal constructor',
    '[object CacheStorage]',
  ]);
});

test('stores, finds, lists and removes', async () => {
  expect(await run(basics)).toEqual({
    names: [['v1'], true, false],
    told: [200, 'b', 'hello'],
    misses: [null, null],
    loose: 'hello',
    anyMethod: 'hello',
    keys: ['/a?x=1#frag'],
    all: ['hello'],
    anywhere: 'hello',
    gone: [true, false, true],
  });
});

test('refuses what the standard refuses', async () => {
  expect(await run(refusals)).toEqual([...Array.from({ length: 7 }, () => 'TypeError'), 'InvalidStateError']);
});

test('adds all or nothing', async () => {
  expect(await run(adding)).toEqual({
    first: [
      ['/one', null],
      ['/two', '1'],
    ],
    failed: `TypeError: ${up}/missing was answered with 404`,
    after: 2,
    two: 'body of /two',
  });
});

test('large responses go in and out, also straight to the caller', async () => {
  expect(await run(large)).toEqual([1_500_000, true]);
  const direct = await engine.call('GET', `/run/acme/cached/?n=${largeThrough}&up=${encodeURIComponent(up)}`);
  expect([direct.status, direct.text.length]).toEqual([200, 1_500_000]);
});

test('what is stored outlives the engine, and is nobody else’s', async () => {
  expect(await run(store)).toBe('ok');
  await engine.restart();
  expect(await run(kept)).toBe('kept');
  expect(await run(kept, { name: 'acme/other' })).toBe('none');
  expect((await engine.call('DELETE', '/v1/installations/acme/cached')).status).toBe(204);
  expect((await engine.install('acme/cached')).status).toBe(201);
  expect(await run(kept)).toBe('none');
});

test('without the capability the global is there and says what is missing', async () => {
  await expect(run(kept, { name: 'acme/none' })).rejects.toThrow(
    'Caches are not granted; the manifest needs "capabilities": ["cache"].',
  );
});

const fetched = (path: string, options: object = {}): Promise<unknown> =>
  run(fetching, { 'x-path': path, 'x-options': JSON.stringify(options) });
const failing = (_: IncomingMessage, response: ServerResponse): void =>
  void response.writeHead(503).end('down');

test('a fresh response is used without asking, a stale one is asked for', async () => {
  const options = { ttl: 1000 };
  expect(await fetched('/fresh', options)).toEqual({
    status: 200,
    text: 'body of /fresh',
    how: 'proxylet; fwd=miss; stored',
  });
  expect(await fetched('/fresh', options)).toEqual({
    status: 200,
    text: 'body of /fresh',
    how: 'proxylet; hit',
  });
  expect(served).toEqual(['/fresh']);
  await fetched('/fresh', { ttl: 0 });
  expect(served).toEqual(['/fresh', '/fresh']);
});

test('a stale response is used when asking fails, by the option or by the response itself', async () => {
  await fetched('/stale', { ttl: 0 });
  answer = failing;
  expect(await fetched('/stale', { ttl: 0 })).toMatchObject({ status: 503, text: 'down' });
  expect(await fetched('/stale', { ttl: 0, staleIfError: 1000 })).toEqual({
    status: 200,
    text: 'body of /stale',
    how: 'proxylet; hit; detail=stale-if-error',
  });
  answer = (_, response) =>
    void response.writeHead(200, { 'cache-control': 'max-age=0, stale-if-error=600' }).end('says so itself');
  await fetched('/itself');
  answer = (request) => void request.destroy();
  expect(await fetched('/itself')).toMatchObject({ status: 200, text: 'says so itself' });
});

test('works with the cable pulled', async () => {
  const options = { ttl: 0, staleIfError: 'always' };
  await fetched('/cable', options);
  const { port } = upstream.address() as AddressInfo;
  upstream.closeAllConnections();
  await new Promise((done) => upstream.close(done));
  await engine.restart();
  expect(await fetched('/cable', options)).toMatchObject({ status: 200, text: 'body of /cable' });
  expect(await fetched('/never-asked', options)).toEqual({ error: expect.any(String) as unknown });
  await new Promise<void>((done) => upstream.listen(port, '127.0.0.1', done));
});

test('asks with what it has, and a 304 keeps the body', async () => {
  answer = (request, response) => {
    if (request.headers['if-none-match'] === '"e1"')
      response.writeHead(304, { etag: '"e1"', 'x-now': '2' }).end();
    else response.writeHead(200, { etag: '"e1"', 'cache-control': 'no-cache' }).end('tagged');
  };
  expect(await fetched('/tagged')).toMatchObject({ text: 'tagged', how: 'proxylet; fwd=miss; stored' });
  expect(await fetched('/tagged')).toMatchObject({
    status: 200,
    text: 'tagged',
    how: 'proxylet; hit; fwd=stale; fwd-status=304',
  });
});

test('what is not to be stored is not', async () => {
  for (const value of ['no-store', 'private', 'max-age=60, private']) {
    answer = (_, response) => void response.writeHead(200, { 'cache-control': value }).end('x');
    expect(await fetched('/private')).toMatchObject({ how: 'proxylet; fwd=miss' });
  }
  answer = (_, response) => void response.writeHead(200, { 'set-cookie': 'a=b' }).end('x');
  expect(await fetched('/cookie')).toMatchObject({ how: 'proxylet; fwd=miss' });
  answer = (_, response) => void response.writeHead(404).end('nothing');
  expect(await fetched('/not-here', { ttl: 60 })).toMatchObject({ status: 404, how: 'proxylet; fwd=miss' });
});

test('the quota holds: what was used last stays', async () => {
  expect(await run(quota, { name: 'acme/other' })).toEqual([['/q1', '/q2', '/q3'], 'QuotaExceededError']);
});
