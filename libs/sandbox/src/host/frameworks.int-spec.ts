import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundle } from '../../test/bundle.js';
import { type Answer, SandboxFixture } from '../../test/sandbox-fixture.js';
import type { Guest, GuestRequest } from '../types.js';

/** The usual features of a web framework, written in each one's own way and answering alike. */
const applications = {
  hono: `
    import { Hono } from 'hono';
    import { getCookie, setCookie } from 'hono/cookie';
    import { streamText } from 'hono/streaming';
    const app = new Hono();
    app.use('*', async (c, next) => { await next(); c.header('x-took', 'some time'); });
    app.get('/hello/:name', (c) => c.json({ hello: c.req.param('name'), shout: c.req.query('shout') ?? null }));
    app.post('/echo', async (c) => c.json({ got: await c.req.json() }, 201));
    app.get('/count', (c) => {
      const count = Number(getCookie(c, 'count') ?? 0) + 1;
      setCookie(c, 'count', String(count), { path: '/', httpOnly: true });
      return c.text(String(count));
    });
    app.get('/lines', (c) => streamText(c, async (stream) => {
      for (const line of ['one', 'two', 'three']) { await stream.writeln(line); await stream.sleep(1); }
    }));
    app.get('/fails', () => { throw new Error('on purpose'); });
    app.onError((error, c) => c.json({ error: error.message }, 500));
    app.notFound((c) => c.json({ error: 'nothing here' }, 404));
    export default app;`,
  'itty-router': `
    import { AutoRouter, error, json, text, withCookies } from 'itty-router';
    const router = AutoRouter({
      before: [withCookies],
      missing: () => error(404, { error: 'nothing here' }),
      catch: (problem) => json({ error: problem.message }, { status: 500 }),
      finally: [(response) => { response.headers.set('x-took', 'some time'); return response; }],
    });
    router.get('/hello/:name', ({ params, query }) => ({ hello: decodeURIComponent(params.name), shout: query.shout ?? null }));
    router.post('/echo', async (request) => json({ got: await request.json() }, { status: 201 }));
    router.get('/count', ({ cookies }) => {
      const count = Number(cookies.count ?? 0) + 1;
      return text(String(count), { headers: { 'set-cookie': \`count=\${count}; Path=/; HttpOnly\` } });
    });
    router.get('/lines', () => new Response(new ReadableStream({
      async start(controller) {
        const encoder = new TextEncoder();
        for (const line of ['one', 'two', 'three']) {
          controller.enqueue(encoder.encode(line + '\\n'));
          await new Promise((resolve) => setTimeout(resolve, 1));
        }
        controller.close();
      },
    })));
    router.get('/fails', () => { throw new Error('on purpose'); });
    export default router;`,
} as const;

function headerOf({ headers }: Answer, name: string): string | undefined {
  return headers.find((_, index) => index % 2 === 1 && headers[index - 1] === name);
}

describe.each(Object.entries(applications))('%s, unchanged', (_, source) => {
  let sut: SandboxFixture;
  let guest: Guest;
  const call = (path: string, init: Partial<GuestRequest> = {}): Promise<Answer> =>
    sut.call(guest, { url: `http://engine.example${path}`, ...init });

  beforeAll(async () => {
    sut = await SandboxFixture.start();
    guest = sut.guest(await bundle(source));
  });
  afterAll(() => sut[Symbol.asyncDispose]());

  it('routes by path, parameters and query, and answers with JSON', async () => {
    const answer = await call('/hello/ada%20l?shout=yes');
    expect([answer.status, JSON.parse(answer.text)]).toEqual([200, { hello: 'ada l', shout: 'yes' }]);
    expect(headerOf(answer, 'content-type')).toMatch(/^application\/json/);
  });

  it('reads a JSON body', async () => {
    const body = Buffer.from('{"a":[1,2]}');
    const answer = await call('/echo', {
      method: 'POST',
      headers: ['content-type', 'application/json'],
      body,
    });
    expect([answer.status, JSON.parse(answer.text)]).toEqual([201, { got: { a: [1, 2] } }]);
  });

  it('reads and sets cookies', async () => {
    const answer = await call('/count', { headers: ['cookie', 'count=6; other=1'] });
    expect(answer.text).toBe('7');
    expect(headerOf(answer, 'set-cookie')).toMatch(/^count=7;.*HttpOnly/);
  });

  it('streams', async () => {
    expect((await call('/lines')).text).toBe('one\ntwo\nthree\n');
  });

  it('runs its middleware, also around errors', async () => {
    const [ok, failed, missing] = await Promise.all([call('/count'), call('/fails'), call('/nowhere')]);
    expect(headerOf(ok, 'x-took')).toBe('some time');
    expect([failed.status, JSON.parse(failed.text)]).toEqual([500, { error: 'on purpose' }]);
    expect([missing.status, (JSON.parse(missing.text) as { error: string }).error]).toEqual([
      404,
      'nothing here',
    ]);
  });
});
