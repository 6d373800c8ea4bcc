import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import type { OutboundRequest } from '@proxylet/sandbox';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { TestEngine } from '../../test/test-engine.js';
import { EgressGuard, type EgressSubject } from './egress-guard.js';
import { EgressRules } from './egress-rules.js';

interface Target extends AsyncDisposable {
  readonly origin: string;
  readonly port: number;
  readonly requests: IncomingMessage[];
}

async function target(listener: RequestListener): Promise<Target> {
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    requests.push(request);
    listener(request, response);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    port,
    requests,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

let rules: EgressRules;
let guard: EgressGuard;
let ownPorts: number[];
let answers: Record<string, string[]>;
beforeEach(() => {
  rules = new EgressRules();
  ownPorts = [];
  answers = {};
  guard = new EgressGuard({
    rules,
    ownPorts: () => ownPorts,
    limits: { responseBytes: 100_000, concurrency: 2, timeoutMs: 2000 },
    resolve: async (host) => answers[host] ?? Promise.reject(new Error('ENOTFOUND')),
  });
});
afterEach(() => guard[Symbol.asyncDispose]());

function open(origin: string): void {
  rules.set({ origin, proxylets: ['acme/*'], changedBy: 'adam', changedAtMs: 0 });
}

function subject(granted: string[] = [], proxylet = 'acme/thumb'): EgressSubject {
  return { installationId: 'i-1', proxylet, granted };
}

function get(url: string, more: Partial<OutboundRequest> = {}): OutboundRequest {
  return { method: 'GET', url, headers: [], body: undefined, redirect: 'follow', ...more };
}

async function send(
  request: OutboundRequest,
  who = subject(),
): Promise<{ status: number; text: string; url: string; redirected: boolean; headers: readonly string[] }> {
  const { body, ...head } = await guard.fetch(who, request, new AbortController().signal);
  const chunks: Uint8Array[] = [];
  if (body instanceof Uint8Array) chunks.push(body);
  else if (body !== undefined) for await (const chunk of body) chunks.push(chunk as Uint8Array);
  return { ...head, text: Buffer.concat(chunks).toString() };
}

test('an undeclared origin is refused with the line the manifest needs', async () => {
  await expect(send(get('https://api.example.com/v1'))).rejects.toThrow(
    'https://api.example.com is not granted to this proxylet; its manifest needs "fetch": ["https://api.example.com"]',
  );
});

test('a granted name that leads to a private address is refused, and no connection is made', async () => {
  await using canary = await target((_, response) => response.end('secret'));
  const names = ['a', 'b', 'c', 'd'].map((name) => `http://${name}.example:${canary.port}`);
  answers = {
    'a.example': ['127.0.0.1'],
    'b.example': ['93.184.216.34', '127.0.0.1'],
    'c.example': ['::ffff:127.0.0.1'],
    'd.example': ['64:ff9b::7f00:1'],
  };
  for (const url of names) {
    await expect(send(get(url), subject(names))).rejects.toThrow('is not on the public internet');
  }
  expect(canary.requests).toHaveLength(0);
});

test.each([
  'http://127.0.0.1:PORT/',
  'http://2130706433:PORT/',
  'http://0x7f000001:PORT/',
  'http://0177.0.0.1:PORT/',
  'http://127.1:PORT/',
  'http://[::ffff:127.0.0.1]:PORT/',
  'http://localhost:PORT/',
])('a literal or local address is refused even where it is granted: %s', async (form) => {
  await using canary = await target((_, response) => response.end('secret'));
  const url = form.replace('PORT', String(canary.port));
  answers = { localhost: ['127.0.0.1'] };
  await expect(send(get(url), subject([new URL(url).origin]))).rejects.toThrow(/refused/);
  expect(canary.requests).toHaveLength(0);
});

test('rebinding: what a name says the second time changes nothing', async () => {
  await using canary = await target((_, response) => response.end('secret'));
  let asked = 0;
  const rebinding = new EgressGuard({
    rules,
    ownPorts: () => [],
    limits: { responseBytes: 1000, concurrency: 2, timeoutMs: 300 },
    resolve: async () => {
      asked += 1;
      return asked % 2 === 1 ? ['192.0.2.1'] : ['127.0.0.1'];
    },
  });
  const origin = `http://evil.example:${canary.port}`;
  for (let i = 0; i < 4; i += 1) {
    await expect(
      rebinding.fetch(subject([origin]), get(origin), new AbortController().signal),
    ).rejects.toThrow('is not on the public internet');
  }
  expect(canary.requests).toHaveLength(0);
  await rebinding[Symbol.asyncDispose]();
});

test('an opened origin is reached by the named proxylets, until it is closed', async () => {
  await using broker = await target((_, response) => response.end('broker'));
  await expect(send(get(broker.origin))).rejects.toThrow('not granted');
  open(broker.origin);
  expect(await send(get(`${broker.origin}/x`))).toMatchObject({ status: 200, text: 'broker' });
  await expect(send(get(broker.origin), subject([], 'other/thing'))).rejects.toThrow('not granted');
  rules.delete(broker.origin);
  await expect(send(get(broker.origin))).rejects.toThrow('not granted');
  expect(broker.requests).toHaveLength(1);
});

test("the engine's own port stays closed unless it was opened", async () => {
  await using self = await target((_, response) => response.end('engine'));
  ownPorts = [self.port];
  answers = { 'gw.example': ['127.0.0.1'] };
  await expect(send(get(self.origin), subject([self.origin]))).rejects.toThrow('refused');
});

test('follows redirects hop by hop, each one checked', async () => {
  await using inside = await target((_, response) => response.end('metadata'));
  await using outside = await target(({ url }, response) => {
    const to: Record<string, string> = { '/here': '/there', '/inside': inside.origin, '/loop': '/loop' };
    const location = to[url ?? ''];
    if (location === undefined) response.end('there');
    else response.writeHead(302, { location }).end();
  });
  open(outside.origin);
  expect(await send(get(`${outside.origin}/here`))).toMatchObject({
    text: 'there',
    redirected: true,
    url: `${outside.origin}/there`,
  });
  await expect(send(get(`${outside.origin}/inside`))).rejects.toThrow(`${inside.origin} is not granted`);
  expect(inside.requests).toHaveLength(0);
  await expect(send(get(`${outside.origin}/loop`))).rejects.toThrow('more than 5 redirects');
  await expect(send(get(`${outside.origin}/here`, { redirect: 'error' }))).rejects.toThrow('is a redirect');
  expect((await send(get(`${outside.origin}/here`, { redirect: 'manual' }))).status).toBe(302);
});

test('credentials stay with the origin they were meant for, and a 303 becomes a GET', async () => {
  await using second = await target((_, response) => response.end('ok'));
  await using first = await target(({ url }, response) => {
    response.writeHead(url === '/see-other' ? 303 : 307, { location: `${second.origin}/` }).end();
  });
  open(first.origin);
  open(second.origin);
  const request = (path: string) =>
    get(`${first.origin}${path}`, {
      method: 'POST',
      body: Buffer.from('{}'),
      headers: [
        'Authorization',
        'Bearer s3cret',
        'Cookie',
        'a=1',
        'Content-Type',
        'application/json',
        'X-Own',
        '1',
      ],
    });
  await send(request('/307'));
  await send(request('/see-other'));
  expect(first.requests[0]?.headers.authorization).toBe('Bearer s3cret');
  const [kept, changed] = second.requests;
  expect([kept?.method, kept?.headers.authorization, kept?.headers.cookie, kept?.headers['x-own']]).toEqual([
    'POST',
    undefined,
    undefined,
    '1',
  ]);
  expect([changed?.method, changed?.headers['content-type']]).toEqual(['GET', undefined]);
});

test('drops headers that are not the guest to set', async () => {
  await using server = await target((_, response) => response.end('ok'));
  open(server.origin);
  const headers = [
    'Host',
    'evil.example',
    'Connection',
    'X-Own',
    'Proxy-Authorization',
    'x',
    'TE',
    'trailers',
    'Via',
    'x',
  ];
  await send(get(server.origin, { headers: [...headers, 'X-Own', '1'] }));
  const [seen] = server.requests;
  expect(seen?.headers.host).toBe(new URL(server.origin).host);
  expect(seen?.headers).not.toHaveProperty('proxy-authorization');
  expect(seen?.headers).not.toHaveProperty('via');
  expect(seen?.headers['x-own']).toBe('1');
  await expect(send(get(server.origin, { headers: ['X-Bad', 'a\r\nb: c'] }))).rejects.toThrow();
});

test('caps the answer after decoding, and passes decoded bodies on', async () => {
  await using server = await target(({ url }, response) => {
    if (url === '/zip') response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('hello'));
    else if (url === '/bomb')
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(10_000_000)));
    else response.end(Buffer.alloc(200_000));
  });
  open(server.origin);
  const zipped = await send(get(`${server.origin}/zip`));
  expect(zipped.text).toBe('hello');
  expect(zipped.headers).not.toContain('content-encoding');
  await expect(send(get(`${server.origin}/bomb`))).rejects.toThrow('more than 100000 bytes');
  await expect(send(get(`${server.origin}/long`))).rejects.toThrow('more than 100000 bytes');
  expect((await send(get(`${server.origin}/zip`))).text).toBe('hello');
});

test('runs at most as many requests at once as allowed', async () => {
  let now = 0;
  let most = 0;
  await using server = await target((_, response) => {
    now += 1;
    most = Math.max(most, now);
    setTimeout(() => {
      now -= 1;
      response.end('ok');
    }, 20);
  });
  open(server.origin);
  await Promise.all(Array.from({ length: 10 }, () => send(get(server.origin))));
  expect(most).toBe(2);
  expect(server.requests).toHaveLength(10);
});

test('ends with the call it belongs to', async () => {
  await using server = await target(() => undefined);
  open(server.origin);
  const abort = new AbortController();
  const pending = guard.fetch(subject(), get(server.origin), abort.signal);
  setTimeout(() => abort.abort(), 20);
  await expect(pending).rejects.toMatchObject({ name: 'AbortError' });
});

test.each(['ftp://a.example/', 'file:///etc/passwd', 'http://user:pass@a.example/', 'data:,x', 'nonsense'])(
  'refuses %s',
  async (url) => {
    await expect(send(get(url), subject(['http://a.example']))).rejects.toThrow('refused');
  },
);

test('says nothing of the box when a connection fails', async () => {
  await using gone = await target(() => undefined);
  open(gone.origin);
  await gone[Symbol.asyncDispose]();
  await expect(send(get(gone.origin))).rejects.toMatchObject({
    name: 'NetworkError',
    message: 'fetch failed: the server cannot be reached or broke off.',
  });
});

test('a guest reaches a private broker once an admin has opened it', async () => {
  await using engine = await TestEngine.start();
  await using broker = await target(({ headers }, response) =>
    response.end(`token: ${headers.authorization}`),
  );
  const code = `export default { async fetch(request, env) {
    try { return new Response(await (await fetch(env.CONFIG.broker)).text()); }
    catch (error) { return new Response(error.name + ': ' + error.message, { status: 418 }); } } };`;
  engine.catalog.publish('acme/reader', '1.0.0', code, {
    config: { type: 'object', properties: { broker: { type: 'string' } } },
  });
  await engine.install('acme/reader', { config: { broker: `${broker.origin}/entities` } });
  const refused = await engine.call('GET', '/run/acme/reader/');
  expect([refused.status, refused.text]).toEqual([418, expect.stringContaining('is not granted')]);
  const token = engine.admin();
  const rule = { origin: broker.origin, proxylets: ['acme/*'] };
  expect((await engine.call('PUT', '/v1/admin/egress', { body: rule, token })).status).toBe(200);
  const reached = await engine.call('GET', '/run/acme/reader/');
  expect([reached.status, reached.text]).toEqual([200, 'token: undefined']);
  await engine.restart();
  expect((await engine.call('GET', '/run/acme/reader/')).status).toBe(200);
  const close = `/v1/admin/egress?origin=${encodeURIComponent(broker.origin)}`;
  expect((await engine.call('DELETE', close, { token })).status).toBe(204);
  expect((await engine.call('DELETE', close, { token })).status).toBe(404);
  expect((await engine.call('GET', '/run/acme/reader/')).status).toBe(418);
});
