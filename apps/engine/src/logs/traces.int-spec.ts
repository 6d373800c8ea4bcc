import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { until } from '@proxylet/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestEngine } from '../../test/test-engine.js';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const parent = '00f067aa0ba902b7';
const sent = { traceparent: `00-${traceId}-${parent}-00`, tracestate: 'vendor=one' };

const throws = `export default {
  async fetch(request) { if (request.url.endsWith('log')) console.log('\\u001b[2Jcleared'); fail(); }
};
function fail() { throw new Error('no picture'); }`;
const map = { version: 3, sources: ['../src/picture.ts'], names: [], mappings: ';;;AAUA' };

const inner = `export default { fetch: (request) => Response.json(Object.fromEntries(request.headers)) };`;
const outer = `export default { async fetch(request, env, ctx) {
  const { searchParams } = new URL(request.url);
  const headers = searchParams.has('own') ? { traceparent: searchParams.get('own') } : {};
  const called = await (await env.INNER.fetch('http://inner/', { headers })).json();
  const response = await fetch(searchParams.get('to'), { headers });
  await response.text();
  return Response.json({ trace: ctx.traceId, own: Object.fromEntries(request.headers), called });
} };`;

interface Told {
  readonly trace: string;
  readonly own: Record<string, string>;
  readonly called: Record<string, string>;
}

let engine: TestEngine;
let server: Server;
let origin: string;
const seen: IncomingHttpHeaders[] = [];
beforeAll(async () => {
  server = createServer((request, response) => {
    seen.push(request.headers);
    response.end('seen');
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  engine = await TestEngine.start();
  engine.catalog.publish('acme/throws', '1.0.0', throws, {}, { 'dist/index.js.map': JSON.stringify(map) });
  engine.catalog.publish('acme/inner', '1.0.0', inner);
  engine.catalog.publish('acme/outer', '1.0.0', outer, { dependencies: { 'acme/inner': '*' } });
  await engine.call('PUT', '/v1/admin/egress', {
    token: engine.admin(),
    body: { origin, proxylets: ['acme/outer'] },
  });
  for (const name of ['acme/throws', 'acme/outer']) expect((await engine.install(name)).status).toBe(201);
});
afterAll(async () => {
  server.close();
  await engine[Symbol.asyncDispose]();
});

test('an uncaught error is logged with its place in the source, in the order of the lines', async () => {
  const answer = await engine.call('GET', '/run/acme/throws/log', { headers: sent });
  expect(answer.body).toMatchObject({ code: 'proxylet-threw', traceId });
  const lines = await until(
    async () => {
      const { body } = await engine.call<{ items: { text: string; level: string; traceId: string }[] }>(
        'GET',
        '/v1/installations/acme/throws/logs',
      );
      return body.items.length > 1 ? body.items : undefined;
    },
    { what: 'the error is logged' },
  );
  expect(lines.map(({ level, traceId: id }) => [level, id])).toEqual([
    ['info', traceId],
    ['error', traceId],
  ]);
  expect(lines[0]?.text).toBe('\\x1b[2Jcleared');
  expect(lines[1]?.text).toMatch(/^Uncaught Error: no picture\n {4}at fail \(src\/picture\.ts:11:1\)\n/);
  expect(lines[1]?.text).not.toContain('file:///proxylet/');
});

test('a trace goes on through the proxylet, what it depends on and what it fetches', async () => {
  const path = `/run/acme/outer/?to=${encodeURIComponent(origin)}`;
  const { body } = await engine.call<Told>('GET', path, { headers: sent });
  const spans = [body.own, body.called, seen.at(-1)].map((headers) => String(headers?.['traceparent']));
  for (const span of spans) expect(span).toMatch(new RegExp(`^00-${traceId}-[0-9a-f]{16}-00$`));
  expect(body.trace).toBe(traceId);
  expect(spans[1]).not.toBe(spans[0]);
  expect(spans[2]).toBe(spans[0]);
  expect(spans.join(' ')).not.toContain(parent);
  for (const headers of [body.own, body.called, seen.at(-1)])
    expect(headers?.['tracestate']).toBe('vendor=one');
});

test('a call without a trace begins one, and so does one with a wrong header', async () => {
  const path = `/run/acme/outer/?to=${encodeURIComponent(origin)}`;
  for (const headers of [undefined, { traceparent: '00-0-0-zz', tracestate: 'vendor=one' }]) {
    const { body } = await engine.call<Told>('GET', path, headers === undefined ? {} : { headers });
    expect(seen.at(-1)?.['traceparent']).toMatch(new RegExp(`^00-${body.trace}-[0-9a-f]{16}-01$`));
    expect(seen.at(-1)?.['tracestate']).toBeUndefined();
  }
});

test('what the proxylet says of its place in a trace stands', async () => {
  const own = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
  const path = `/run/acme/outer/?own=${own}&to=${encodeURIComponent(origin)}`;
  const { body } = await engine.call<Told>('GET', path, { headers: sent });
  expect([body.called['traceparent'], seen.at(-1)?.['traceparent']]).toEqual([own, own]);
  expect(seen.at(-1)?.['tracestate']).toBeUndefined();
});
