import { once } from 'node:events';
import {
  type ClientRequest,
  createServer,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { TestEngine } from '../../test/test-engine.js';

/** What a gateway proxylet does most: pass on, with its own idea of where to. */
const proxy = `export default { async fetch(request, env) {
  const { pathname } = new URL(request.url);
  const to = pathname.startsWith('/dep') ? env.SOURCE : { fetch };
  if (pathname === '/consumed') {
    const { body } = await fetch(env.CONFIG.origin + '/events');
    const seen = [];
    return new Response(body.pipeThrough(new TransformStream({ transform(chunk, c) { seen.push(1); c.enqueue(chunk); } })), { headers: { 'content-type': 'text/event-stream' } });
  }
  if (pathname === '/count') { let n = 0; for await (const c of request.body) n += c.byteLength; return new Response(String(n)); }
  if (pathname === '/large') return new Response(new Uint8Array(30_000_000));
  return to.fetch(new Request(env.CONFIG.origin + pathname, request));
} };`;
const source = `export default { fetch(request, env) { return fetch(new Request(env.CONFIG.origin + '/events', request)); } };`;

let engine: TestEngine;
let upstream: Server;
let origin: string;
let arrived: { request: IncomingMessage; response: ServerResponse }[] = [];

beforeAll(async () => {
  upstream = createServer((incoming, response) => {
    arrived.push({ request: incoming, response });
    if (incoming.url === '/events')
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
    if (incoming.url === '/echo') incoming.pipe(response);
  });
  upstream.listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  origin = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  engine = await TestEngine.start();
  const limits = { timeoutMs: 1500 };
  const config = { type: 'object', properties: { origin: { type: 'string' } } };
  engine.catalog.publish('acme/source', '1.0.0', source, { config });
  engine.catalog.publish('acme/proxy', '1.0.0', proxy, { config, dependencies: { 'acme/source': '^1' } });
  engine.catalog.publish('acme/hasty', '1.0.0', proxy, { config, limits });
  await engine.install('acme/source', { consent: true, config: { origin } });
  await engine.install('acme/proxy', { consent: true, config: { origin } });
  await engine.install('acme/hasty', { consent: true, config: { origin } });
  const rule = { origin, proxylets: ['acme/*'] };
  await engine.call('PUT', '/v1/admin/egress', { body: rule, token: engine.admin() });
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  upstream.closeAllConnections();
  upstream.close();
});
beforeEach(() => {
  arrived = [];
});

interface Sent {
  readonly sent: ClientRequest;
  readonly answered: Promise<IncomingMessage>;
}

function send(path: string, options: { method?: string; headers?: Record<string, string> } = {}): Sent {
  const headers = { authorization: `Bearer ${engine.token()}`, ...options.headers };
  const sent = request(`${engine.url}/run/${path}`, { ...options, headers });
  sent.on('error', () => undefined);
  // Listened for at once: an answer that nobody listens for is thrown away.
  const answered = new Promise<IncomingMessage>((resolve) => {
    sent.once('response', (answer) => {
      answer.on('error', () => undefined);
      resolve(answer);
    });
  });
  return { sent, answered };
}

async function upstreamCall(): Promise<{ request: IncomingMessage; response: ServerResponse }> {
  await expect.poll(() => arrived.length).toBe(1);
  return arrived[0] as { request: IncomingMessage; response: ServerResponse };
}

/** Unlike `once`, without a look at errors: they are expected. */
function closeOf(emitter: { once(event: 'close', listener: () => void): unknown }): Promise<void> {
  return new Promise((resolve) => {
    emitter.once('close', resolve);
  });
}

const ways = [
  ['passed on', 'acme/proxy/events'],
  ['read by the guest', 'acme/proxy/consumed'],
  ['passed on through a dependency', 'acme/proxy/dep'],
] as const;

describe('events from elsewhere', () => {
  it.each(ways)('arrive one by one: %s', async (_, path) => {
    const { sent, answered } = send(path);
    sent.end();
    const { response } = await upstreamCall();
    const answer = await answered;
    expect(answer.headers['content-type']).toBe('text/event-stream');
    for (const event of ['first', 'second', 'third']) {
      response.write(`data: ${event}\n\n`);
      const [chunk] = (await once(answer, 'data')) as [Buffer];
      expect(chunk.toString()).toBe(`data: ${event}\n\n`);
    }
    response.end();
    await once(answer, 'end');
  });

  it.each(ways)('are given up when the client goes: %s', async (_, path) => {
    const { sent, answered } = send(path);
    sent.end();
    const { response } = await upstreamCall();
    const answer = await answered;
    response.write('data: one\n\n');
    await once(answer, 'data');
    sent.destroy();
    await closeOf(response);
    expect(response.writableFinished).toBe(false);
    await expect
      .poll(() => engine.core.parts.sandbox.runners().reduce((sum, { inFlight }) => sum + inFlight, 0))
      .toBe(0);
  });

  it.each(ways)('break off for the client where they do: %s', async (_, path) => {
    const { sent, answered } = send(path);
    sent.end();
    const { response } = await upstreamCall();
    const answer = await answered;
    response.write('data: one\n\n');
    await once(answer, 'data');
    response.destroy();
    await closeOf(answer);
    expect(answer.complete).toBe(false);
  });

  it('that never begin are given up when the client goes', async () => {
    const { sent } = send('acme/proxy/silent');
    sent.end();
    const { response } = await upstreamCall();
    sent.destroy();
    await closeOf(response);
  });
});

describe('uploads', () => {
  it('reach the other server as they come, and its answer comes back meanwhile', async () => {
    const { sent, answered } = send('acme/proxy/echo', { method: 'POST' });
    sent.write('one');
    const answer = await answered;
    for (const part of ['two', 'three']) {
      const seen = once(answer, 'data') as Promise<[Buffer]>;
      if (part === 'two') expect((await seen)[0].toString()).toBe('one');
      else expect((await seen)[0].toString()).toBe('two');
      sent.write(part === 'two' ? 'two' : 'three');
    }
    sent.end();
    expect(await text(answer)).toBe('three');
  });

  it('keep their stated length', async () => {
    const body = Buffer.alloc(200_000, 'x');
    const { sent, answered } = send('acme/proxy/echo', {
      method: 'POST',
      headers: { 'content-length': String(body.length) },
    });
    sent.end(body);
    expect((await text(await answered)).length).toBe(body.length);
    expect((await upstreamCall()).request.headers['content-length']).toBe('200000');
  });

  it('that break off break off there as well', async () => {
    const { sent } = send('acme/proxy/take', { method: 'POST', headers: { 'content-length': '1000000' } });
    sent.write(Buffer.alloc(100_000));
    const { request: incoming } = await upstreamCall();
    incoming.on('error', () => undefined);
    incoming.resume();
    sent.destroy();
    await closeOf(incoming);
    expect(incoming.complete).toBe(false);
  });
});

describe('what is slow on purpose', () => {
  it.each([
    ['small', '10'],
    ['large', '1000000'],
  ])('a %s body that does not come ends in 408, and the connection with it', async (_, length) => {
    const { sent, answered } = send('acme/hasty/count', {
      method: 'POST',
      headers: { 'content-length': length },
    });
    sent.write('x');
    const answer = await answered;
    expect(answer.statusCode).toBe(408);
    expect(JSON.parse(await text(answer))).toMatchObject({ code: 'request-timeout' });
    expect(answer.headers.connection).toBe('close');
  });

  it('a client that does not read its answer is let go, and what it held with it', async () => {
    const { hostname, port } = new URL(engine.url);
    const socket = connect({ host: hostname, port: Number(port) });
    socket.on('error', () => undefined);
    socket.write(
      `GET /run/acme/hasty/large HTTP/1.1\r\nhost: ${hostname}:${port}\r\nauthorization: Bearer ${engine.token()}\r\n\r\n`,
    );
    await once(socket, 'readable');
    const startedMs = performance.now();
    // Nothing is read until the engine must have given up.
    await new Promise((resolve) => {
      setTimeout(resolve, 2500);
    });
    let bytes = 0;
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    await closeOf(socket);
    expect(bytes).toBeLessThan(30_000_000);
    expect(performance.now() - startedMs).toBeLessThan(20_000);
  });

  it('an upstream that answers by drops ends with the time of the call', async () => {
    const { sent, answered } = send('acme/hasty/events');
    sent.end();
    const { response } = await upstreamCall();
    const dripping = setInterval(() => response.write('.'), 50);
    const answer = await answered;
    answer.resume();
    await closeOf(answer);
    clearInterval(dripping);
    expect(answer.complete).toBe(false);
    await expect.poll(() => response.destroyed).toBe(true);
  });
});
