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

test('ends a circle of calls at its depth, and says who is in it', async () => {
  expect((await engine.call('GET', '/run/acme/ring/')).text).toBe(
    'QuotaExceededError: call-cycle: calls and messages go round in a circle: acme/ring → other/ring → acme/ring, and are nested 8 deep.',
  );
});

test('a chain that is too deep without a circle is told apart', async () => {
  const links = Array.from({ length: 10 }, (_, n) => `deep/link-${n}`);
  for (const [n, name] of links.entries()) {
    const next = links[n + 1];
    const code = `export default { async fetch(request, env) {
      const next = Object.values(env).find((one) => one.fetch !== undefined);
      try { return next === undefined ? new Response('end') : await next.fetch(request.url) }
      catch (error) { return new Response(error.message) }
    } };`;
    engine.catalog.publish(name, '1.0.0', code, next === undefined ? {} : { dependencies: { [next]: '*' } });
  }
  expect((await engine.install('deep/link-0')).status).toBe(201);
  expect((await engine.call('GET', '/run/deep/link-0/')).text).toBe(
    'call-depth: calls and messages between proxylets are nested 8 deep.',
  );
  expect((await engine.call('GET', '/run/deep/link-1/')).status).toBe(200);
});

test('work after the answer calls as the caller of then, not as the owner', async () => {
  const who = `export default { fetch: (request, env, ctx) => Response.json(ctx.user) };`;
  const asks = `let seen = 'nothing yet';
    export default { async fetch(request, env, ctx) {
      if (new URL(request.url).pathname === '/seen') return new Response(seen);
      ctx.waitUntil((async () => {
        await new Promise((done) => setTimeout(done, 50));
        const answer = await env.WHO.fetch('https://who/');
        seen = (await answer.json()).subject;
      })());
      return new Response('early');
    } };`;
  engine.catalog.publish('acme/who', '1.0.0', who, { scope: 'shared' });
  engine.catalog.publish('acme/asks', '1.0.0', asks, { scope: 'shared', dependencies: { 'acme/who': '*' } });
  expect((await engine.install('acme/asks', {}, engine.admin())).status).toBe(201);
  const token = engine.token('bob');
  expect((await engine.call('GET', '/run/acme/asks/', { token })).text).toBe('early');
  const seen = async () => (await engine.call('GET', '/run/acme/asks/seen', { token })).text;
  await expect.poll(seen, { timeout: 20_000 }).toBe('bob');
});

test('a circle made of work after the answer ends too', async () => {
  const round = `export default { async fetch(request, env, ctx) {
    const next = Object.values(env).find((one) => one.fetch !== undefined);
    ctx.waitUntil(next.fetch(request.url).catch((error) => console.log('ended: ' + error.message)));
    return new Response('ok');
  } };`;
  engine.catalog.publish('acme/round', '1.0.0', round, { dependencies: { 'other/round': '*' } });
  engine.catalog.publish('other/round', '1.0.0', round, { dependencies: { 'acme/round': '*' } });
  expect((await engine.install('acme/round')).status).toBe(201);
  expect((await engine.call('GET', '/run/acme/round/')).text).toBe('ok');
  const lines = async () =>
    (await engine.call('GET', '/v1/installations/acme/round/logs')).text +
    (await engine.call('GET', '/v1/installations/other/round/logs')).text;
  await expect.poll(lines, { timeout: 20_000 }).toContain('ended: call-cycle');
});
