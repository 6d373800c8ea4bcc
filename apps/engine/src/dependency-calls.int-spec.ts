import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestEngine } from '../test/test-engine.js';

const lib = `export default { async fetch(request, env, ctx) {
  const { pathname } = new URL(request.url);
  if (pathname === '/throw') throw new TypeError('no picture');
  if (pathname === '/stream') return new Response(new ReadableStream({ start(c) {
    for (let i = 0; i < 20; i += 1) c.enqueue(new Uint8Array(20_000)); c.close(); } }));
  return Response.json({ path: pathname, user: ctx.user.subject, body: await request.text(), trace: ctx.traceId });
} };`;

const app = `export default { async fetch(request, env, ctx) {
  const { pathname } = new URL(request.url);
  try {
    const answer = await env.EXIF_READER.fetch('https://lib' + pathname, { method: 'POST', body: 'hello' });
    if (pathname === '/stream') return answer;
    return Response.json({ status: answer.status, answer: await answer.json(), trace: ctx.traceId });
  } catch (error) {
    return Response.json({ name: error.name, message: error.message });
  }
} };`;

const ring = `export default { async fetch(request, env) {
  try { return await env.RING.fetch(request.url) } catch (error) { return new Response(error.name + ': ' + error.message) }
} };`;

let engine: TestEngine;
beforeAll(async () => {
  engine = await TestEngine.start({});
  engine.catalog.publish('acme/exif-reader', '1.0.0', lib);
  engine.catalog.publish('acme/app', '1.0.0', app, { dependencies: { 'acme/exif-reader': '^1' } });
  engine.catalog.publish('other/ring', '1.0.0', ring, { dependencies: { 'acme/ring': '*' } });
  engine.catalog.publish('acme/ring', '1.0.0', ring, { dependencies: { 'other/ring': '*' } });
  expect((await engine.install('acme/app')).status).toBe(201);
  expect((await engine.install('acme/ring')).status).toBe(201);
});
afterAll(() => engine[Symbol.asyncDispose]());

interface Told {
  readonly status: number;
  readonly answer: {
    readonly path: string;
    readonly user: string;
    readonly body: string;
    readonly trace: string;
  };
  readonly trace: string;
}

test('a proxylet calls what it depends on, as the same user and in the same trace', async () => {
  const { body } = await engine.call<Told>('GET', '/run/acme/app/read');
  expect(body.answer).toEqual({ path: '/read', user: 'alice', body: 'hello', trace: body.trace });
});

test('streams pass through both', async () => {
  expect((await engine.call('GET', '/run/acme/app/stream')).text.length).toBe(400_000);
});

test('hears of a failure by name, and whose it is', async () => {
  const { body } = await engine.call('GET', '/run/acme/app/throw');
  expect(body).toEqual({
    name: 'NetworkError',
    message: 'acme/exif-reader: proxylet-threw: TypeError: no picture',
  });
});

test('ends a circle of calls at its depth', async () => {
  expect((await engine.call('GET', '/run/acme/ring/')).text).toBe(
    'QuotaExceededError: Calls between proxylets are nested 8 deep.',
  );
});
