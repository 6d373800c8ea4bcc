import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readAll, request, SandboxFixture } from '../../test/sandbox-fixture.js';
import { GuestVisibleError, type KvOperation } from '../types.js';

describe('a sandbox', () => {
  const entries = new Map<string, { value: Uint8Array; version: number }>();
  let sut: SandboxFixture;

  beforeAll(async () => {
    sut = await SandboxFixture.start({
      kv: (_, operation) => kvDouble(operation),
      call: (_, name, { url, method, body }, { user, traceId, depth }) =>
        Promise.resolve({
          status: 200,
          statusText: '',
          url,
          redirected: false,
          headers: ['content-type', 'application/json'],
          body: Buffer.from(JSON.stringify([name, method, url, textOf(body), user.subject, traceId, depth])),
        }),
      fetch: (_, { url, method, headers, body }) => {
        if (url.includes('refused')) throw new GuestVisibleError('TypeError', 'the host is not declared');
        const text = `${method} ${url} ${headers.join(',')} ${textOf(body)}`;
        return Promise.resolve({
          status: 201,
          statusText: 'Created',
          url,
          redirected: false,
          headers: ['X-From', 'upstream'],
          body: url.includes('stream')
            ? Readable.from([Buffer.from(text), Buffer.from('|end')])
            : Buffer.from(text),
        });
      },
    });
  });
  afterAll(() => sut[Symbol.asyncDispose]());

  function kvDouble(operation: KvOperation) {
    switch (operation.op) {
      case 'get':
        return { op: 'get' as const, entry: entries.get(operation.key) };
      case 'put':
        entries.set(operation.key, { value: Uint8Array.from(operation.value), version: 1 });
        return { op: 'put' as const, version: operation.ifVersion === 9 ? undefined : 1 };
      case 'delete':
        return { op: 'delete' as const, existed: entries.delete(operation.key) };
      case 'list':
        return { op: 'list' as const, keys: [...entries.keys()], cursor: undefined };
      default:
        return operation satisfies never;
    }
  }

  it('gives the handler the request and the caller its response', async () => {
    const guest = sut.handler(`
      const body = await request.text();
      return new Response(request.method + ' ' + request.url + ' ' + request.headers.get('X-One') + ' ' + body, {
        status: 418, headers: [['x-a', '1'], ['set-cookie', 'a=1'], ['set-cookie', 'b=2']] });`);
    const answer = await sut.call(guest, {
      method: 'POST',
      headers: ['x-one', '1'],
      body: Buffer.from('grüße'),
    });
    expect(answer.status).toBe(418);
    expect(answer.text).toBe('POST http://engine.example/path?a=1 1 grüße');
    expect(answer.headers).toEqual([
      'x-a',
      '1',
      'set-cookie',
      'a=1',
      'set-cookie',
      'b=2',
      'content-type',
      'text/plain;charset=UTF-8',
    ]);
  });

  it('tells who calls, on which installation, with which settings, and never a token', async () => {
    const guest = sut.handler(
      `return Response.json({ user: ctx.user, installation: ctx.installation, config: env.CONFIG, key: env.SECRETS.API_KEY, trace: ctx.traceId })`,
      { config: { unit: 'Wh' } },
    );
    expect(JSON.parse((await sut.call(guest)).text)).toEqual({
      user: { subject: 'alice', issuer: 'https://idm.example', roles: ['user'] },
      installation: { name: guest.name, version: '1.0.0' },
      config: { unit: 'Wh' },
      key: 'k1',
      trace: '0af7651916cd43dd8448eb211c80319c',
    });
  });

  it('keeps the state of a module between calls, and to its installation', async () => {
    const source = 'let n = 0; export default { fetch() { n += 1; return new Response(String(n)); } }';
    const one = sut.guest(source);
    const other = sut.guest(source);
    expect((await sut.call(one)).text).toBe('1');
    expect((await sut.call(one)).text).toBe('2');
    expect((await sut.call(other)).text).toBe('1');
  });

  it('starts an evicted isolate again without anyone noticing', async () => {
    const guest = sut.guest(
      'let n = 0; export default { fetch() { n += 1; return new Response(String(n)); } }',
    );
    await sut.call(guest);
    sut.host.evict(guest.id);
    expect((await sut.call(guest)).text).toBe('1');
  });

  it('streams a response as it is produced', async () => {
    const guest = sut.handler(`
      let i = 0;
      return new Response(new ReadableStream({ async pull(controller) {
        await new Promise((resume) => setTimeout(resume, 1));
        controller.enqueue(new TextEncoder().encode('chunk ' + i + ';'));
        if (++i === 3) controller.close();
      } }));`);
    expect((await sut.call(guest)).text).toBe('chunk 0;chunk 1;chunk 2;');
  });

  it('streams a request body only as far as the handler reads', async () => {
    let produced = 0;
    const body = Readable.from(
      (function* () {
        for (let index = 0; index < 200; index += 1) {
          produced += 1;
          yield Buffer.alloc(32 * 1024);
        }
      })(),
      { highWaterMark: 1 },
    );
    const guest = sut.handler(`
      const reader = request.body.getReader();
      const { value } = await reader.read();
      return new Response(String(value.byteLength));`);
    expect((await sut.call(guest, { method: 'POST', body })).text).toBe('32768');
    expect(produced).toBeLessThan(30);
  });

  it.each(['without a look at', 'after a part of'])(
    'lets go of the rest when the handler answers %s the body',
    async (when) => {
      const read = when === 'after a part of' ? 'await request.body.getReader().read();' : '';
      const body = Readable.from(
        Array.from({ length: 100 }, () => Buffer.alloc(32 * 1024)),
        { highWaterMark: 1 },
      );
      expect(
        (await sut.call(sut.handler(`${read} return new Response('early')`), { method: 'POST', body })).text,
      ).toBe('early');
      await expect.poll(() => body.readableEnded).toBe(true);
    },
  );

  it('counts a streamed request body against the limit', async () => {
    const guest = sut.handler('return new Response(String((await request.bytes()).length))', {
      limits: { bodyBytes: 100_000 },
    });
    const body = Readable.from([Buffer.alloc(64_000), Buffer.alloc(64_000)]);
    expect((await sut.problem(guest, { method: 'POST', body })).code).toBe('body-too-large');
  });

  it('holds back a stream that nobody reads and stops it when the reader goes', async () => {
    const guest = sut.handler(`
      globalThis.made = 0;
      return new Response(new ReadableStream({
        pull(controller) { globalThis.made += 1; controller.enqueue(new Uint8Array(64 * 1024)); },
        cancel() { globalThis.made = -1; } }));`);
    const { body } = await sut.host.invoke(guest, request());
    if (!(body instanceof Readable)) throw new Error('a stream was expected');
    await new Promise((resolve) => body.once('readable', resolve));
    body.destroy();
    await expect.poll(async () => (await sut.host.invoke(guest, request())).status).toBe(200);
  });

  it('survives the end of a runner whose streaming answer nobody reads', async () => {
    const unread = await SandboxFixture.start();
    const guest = unread.handler(
      'return new Response(new ReadableStream({ pull() { return new Promise(() => {}) } }))',
    );
    const { body } = await unread.host.invoke(guest, request());
    if (!(body instanceof Readable)) throw new Error('a stream was expected');
    const { pid } = unread.host.runners().find(({ inFlight }) => inFlight > 0) ?? { pid: 0 };
    process.kill(pid, 'SIGKILL');
    await expect.poll(() => body.errored).toMatchObject({ code: 'runner-lost' });
    await unread[Symbol.asyncDispose]();
  });

  it('fails a response stream in the middle when the handler does', async () => {
    const guest = sut.handler(`
      let i = 0;
      return new Response(new ReadableStream({ pull(controller) {
        if (i++ === 1) throw new Error('half way');
        controller.enqueue(new Uint8Array([65]));
      } }));`);
    const { body } = await sut.host.invoke(guest, request());
    await expect(readAll(body)).rejects.toMatchObject({ code: 'proxylet-threw' });
  });

  it('carries an abort of the caller into the handler', async () => {
    const guest = sut.handler(`
      request.signal.addEventListener('abort', () => console.log('aborted: ' + request.signal.reason.name));
      await new Promise(() => undefined);`);
    const caller = new AbortController();
    const pending = sut.call(guest, { signal: caller.signal });
    setTimeout(() => caller.abort(), 50);
    await expect(pending).rejects.toMatchObject({ code: 'request-cancelled' });
    await expect.poll(() => sut.logs.some(({ text }) => text === 'aborted: AbortError')).toBe(true);
  });

  it('ends a call that does not answer in time', async () => {
    const guest = sut.handler('await new Promise(() => undefined)', { limits: { timeoutMs: 100 } });
    expect((await sut.problem(guest)).code).toBe('time-limit');
  });

  it('reaches KV and fetch through the engine', async () => {
    const text = await sut.text(`
      await env.KV.put('k', 'wert ä');
      const miss = await env.KV.getWithVersion('nothing');
      const lost = await env.KV.put('k', 'x', { ifVersion: 9 });
      const response = await fetch('https://api.example/a', { method: 'POST', body: 'hi', headers: { 'x-b': '1' } });
      const streamed = await (await fetch('https://api.example/stream')).text();
      let refused; try { await fetch('https://refused.example/'); } catch (error) { refused = error.name + ': ' + error.message; }
      return Response.json([miss, lost, (await env.KV.list()).keys, response.status, response.statusText,
        response.headers.get('x-from'), await response.text(), streamed, refused]);`);
    const trace = /,?traceparent,00-0af7651916cd43dd8448eb211c80319c-[0-9a-f]{16}-01/g;
    expect(text.match(trace)).toHaveLength(2);
    expect(JSON.parse(text.replaceAll(trace, ''))).toEqual([
      { value: null, version: 0 },
      null,
      ['k'],
      201,
      'Created',
      'upstream',
      'POST https://api.example/a x-b,1,content-type,text/plain;charset=UTF-8 hi',
      'GET https://api.example/stream  |end',
      'TypeError: the host is not declared',
    ]);
  });

  it('calls the proxylets it depends on, on behalf of the same user', async () => {
    const text = await sut.text(
      `const answer = await env.EXIF.fetch('https://exif/read?a=1', { method: 'POST', body: 'picture' });
       return Response.json([await answer.json(), typeof env.OTHER]);`,
      { depth: 2 },
    );
    expect(JSON.parse(text)).toEqual([
      [
        'acme/exif',
        'POST',
        'https://exif/read?a=1',
        'picture',
        'alice',
        '0af7651916cd43dd8448eb211c80319c',
        2,
      ],
      'undefined',
    ]);
  });

  it('logs lines with their level and trace', async () => {
    await sut.text(`console.warn('meter', { id: 7 }, [1n]); ctx.log.debug('fine'); return new Response()`);
    const lines = sut.logs.map(({ level, text, traceId }) => ({ level, text, traceId }));
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    expect(lines).toContainEqual({ level: 'warn', text: 'meter { id: 7 } [ 1n ]', traceId });
    expect(lines).toContainEqual({ level: 'debug', text: 'fine', traceId });
  });

  it('goes on with waitUntil after the response', async () => {
    await sut.text(
      `ctx.waitUntil(new Promise((r) => setTimeout(r, 20)).then(() => console.log('later'))); return new Response()`,
    );
    await expect.poll(() => sut.logs.some(({ text }) => text === 'later')).toBe(true);
  });

  it.each([
    [
      'throws an Error',
      'throw new TypeError("name is required")',
      'proxylet-threw',
      'TypeError: name is required',
    ],
    ['throws null', 'throw null', 'proxylet-threw', 'Error: null'],
    ['rejects', 'await Promise.reject(new RangeError("r"))', 'proxylet-threw', 'RangeError: r'],
    ['returns a number', 'return 42', 'proxylet-bad-response', 'number'],
    ['returns nothing', '', 'proxylet-bad-response', 'undefined'],
    ['returns a look-alike', 'return { status: 200, headers: [] }', 'proxylet-bad-response', 'an object'],
    ['returns Response.error()', 'return Response.error()', 'proxylet-bad-response', 'error response'],
    [
      'returns a used body',
      'const r = new Response("a"); await r.text(); return r',
      'proxylet-threw',
      'read before',
    ],
  ])('answers clearly when the handler %s', async (_, body, code, detail) => {
    const problem = await sut.problem(sut.handler(body));
    expect(problem.code).toBe(code);
    expect(problem.detail).toContain(detail);
  });

  it.each([
    ['does not parse', 'export default {', 'does not parse'],
    ['imports', 'import fs from "node:fs"; export default { fetch() {} }', 'imports "node:fs"'],
    ['has no default export', 'export const a = 1', 'no default export'],
    ['has no fetch', 'export default {}', 'no fetch method'],
    ['throws while it starts', 'throw new Error("cold"); export default { fetch() {} }', 'cold'],
    ['loops while it starts', 'for (;;); export default { fetch() {} }', 'timed out'],
  ])('names why a module that %s cannot start', async (_, source, reason) => {
    const problem = await sut.problem(sut.guest(source));
    expect(problem.code).toBe('proxylet-invalid');
    expect(problem.detail).toContain(reason);
    await expect(sut.host.warm(sut.guest(source))).rejects.toMatchObject({ code: 'proxylet-invalid' });
  });

  it('ends with the call what the handler started, but for waitUntil', async () => {
    const guest = sut.guest(`
      let ticks = 0;
      export default { async fetch(request, env, ctx) {
        const { pathname } = new URL(request.url);
        if (pathname === '/ticks') return new Response(String(ticks));
        setInterval(() => { ticks += 1; }, 1);
        void (async () => { for (;;) { await env.KV.get('k'); ticks += 1; } })();
        if (pathname === '/late') ctx.waitUntil(new Promise((done) => setTimeout(done, 500)));
        return new Response();
      } };`);
    const ticks = async (): Promise<number> =>
      Number((await sut.call(guest, { url: 'http://engine.example/ticks' })).text);
    await sut.call(guest);
    const atOnce = await ticks();
    expect(atOnce).toBeLessThan(3);
    await new Promise((resume) => setTimeout(resume, 40));
    expect(await ticks()).toBe(atOnce);

    await sut.call(guest, { url: 'http://engine.example/late' });
    await expect.poll(ticks, { timeout: 10_000 }).toBeGreaterThan(atOnce + 3);
    await expect.poll(async () => (await ticks()) === (await ticks()), { timeout: 10_000 }).toBe(true);
  });

  it('refuses timers while the module starts', async () => {
    const problem = await sut.problem(sut.guest('setTimeout(() => {}, 1); export default { fetch() {} }'));
    expect(problem.detail).toContain('a timer belongs to a call');
  });

  it('stops what waits behind a caller that went away', async () => {
    const guest = sut.guest(`
      let ticks = 0;
      export default { async fetch(request) {
        if (new URL(request.url).pathname === '/ticks') return new Response(String(ticks));
        for (;;) { await new Promise((resume) => setTimeout(resume, 1)); ticks += 1; }
      } };`);
    const ticks = async (): Promise<number> =>
      Number((await sut.call(guest, { url: 'http://engine.example/ticks' })).text);
    const caller = new AbortController();
    const gone = sut.call(guest, { signal: caller.signal }).catch(() => undefined);
    await expect.poll(ticks).toBeGreaterThan(2);
    caller.abort();
    await gone;
    const after = await ticks();
    await new Promise((resume) => setTimeout(resume, 40));
    expect(await ticks()).toBe(after);
  });

  it('lets a call go on when another promise rejects unhandled, and logs it', async () => {
    expect(await sut.text(`Promise.reject(new Error('stray')); return new Response('fine')`)).toBe('fine');
    await expect.poll(() => sut.logs.some(({ text }) => text.includes('stray'))).toBe(true);
  });
});

function textOf(body: Uint8Array | Readable | undefined): string {
  return body instanceof Uint8Array ? Buffer.from(body).toString() : '';
}
