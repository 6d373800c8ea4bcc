import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket as Client } from 'ws';
import { TestEngine } from '../../test/test-engine.js';

const page = 'https://app.example';

const echo = `
const seen = [];
export default { async fetch(request, env, ctx) {
  const { pathname } = new URL(request.url);
  if (pathname === '/seen') return Response.json(seen);
  if (request.headers.get('upgrade') !== 'websocket') return new Response('a WebSocket, please', { status: 426 });
  if (pathname === '/never') return new Response('not today', { status: 403 });
  if (pathname === '/throw') throw new TypeError('no');
  const { 0: client, 1: server } = new WebSocketPair();
  server.accept();
  server.addEventListener('message', ({ data }) => {
    if (data === 'loop') for (;;);
    if (data === 'headers') server.send(JSON.stringify(Object.fromEntries(request.headers)));
    else if (data === 'who') server.send(ctx.user.subject);
    else if (data === 'close') server.close(3333, 'asked');
    else server.send(data);
  });
  server.addEventListener('close', ({ code, reason, wasClean }) => seen.push([code, reason, wasClean]));
  if (pathname === '/push') { let n = 0; const timer = setInterval(() => { server.send('tick'); if (++n === 3) clearInterval(timer); }, 10); }
  const headers = pathname === '/chat' ? { 'sec-websocket-protocol': 'chat' } : {};
  return new Response(null, { status: 101, webSocket: client, headers });
} };`;

let engine: TestEngine;
beforeAll(async () => {
  engine = await TestEngine.start({
    PROXYLET_ENGINE_CORS_ORIGINS: JSON.stringify([page]),
    PROXYLET_ENGINE_SOCKETS_PER_INSTALLATION: '4',
    PROXYLET_ENGINE_SOCKET_IDLE_MS: '1500',
  });
  engine.catalog.publish('acme/echo', '1.0.0', echo, { limits: { cpuMs: 200 } });
  await engine.install('acme/echo');
});
afterAll(() => engine[Symbol.asyncDispose]());

function address(path = '/'): string {
  return `${engine.url.replace('http', 'ws')}/run/acme/echo${path}`;
}

function dial(path = '/', protocols: string[] = [], headers: Record<string, string> = {}): Client {
  const client = new Client(address(path), protocols, {
    headers: { authorization: `Bearer ${engine.token()}`, ...headers },
  });
  client.on('error', () => undefined);
  return client;
}

async function open(...args: Parameters<typeof dial>): Promise<Client> {
  const client = dial(...args);
  await once(client, 'open');
  return client;
}

async function next(client: Client): Promise<string | Buffer> {
  const [data, isBinary] = (await once(client, 'message')) as [Buffer, boolean];
  return isBinary ? data : data.toString();
}

async function refusal(client: Client): Promise<{ status: number; text: string }> {
  client.on('error', () => undefined);
  const [, response] = (await once(client, 'unexpected-response')) as [
    unknown,
    AsyncIterable<Buffer> & { statusCode: number },
  ];
  const parts: Buffer[] = [];
  for await (const part of response) parts.push(part);
  client.terminate();
  return { status: response.statusCode, text: Buffer.concat(parts).toString() };
}

async function bye(client: Client): Promise<[code: number, reason: string]> {
  const [code, reason] = (await once(client, 'close')) as [number, Buffer];
  return [code, reason.toString()];
}

describe('a WebSocket to a proxylet', () => {
  it('carries text and bytes both ways, and closes with what the proxylet says', async () => {
    const client = await open();
    client.send('grüße');
    expect(await next(client)).toBe('grüße');
    const bytes = Buffer.alloc(300_000, 'x');
    client.send(bytes);
    expect(bytes.equals((await next(client)) as Buffer)).toBe(true);
    client.send('close');
    expect(await bye(client)).toEqual([3333, 'asked']);
  });

  it('is a call of its user, with the headers of the handshake but for the token', async () => {
    const client = await open('/', ['proxylet', 'chat'], { 'x-own': '1' });
    client.send('who');
    expect(await next(client)).toBe('alice');
    client.send('headers');
    const headers = JSON.parse((await next(client)) as string) as Record<string, string>;
    expect(headers).toMatchObject({
      upgrade: 'websocket',
      'x-own': '1',
      'sec-websocket-protocol': 'proxylet, chat',
    });
    expect(JSON.stringify(headers)).not.toContain('Bearer');
    client.close(3001, 'done');
    await bye(client);
    await expect
      .poll(async () => (await engine.call('GET', '/run/acme/echo/seen')).text)
      .toContain('[3001,"done",true]');
  });

  it('takes the token as a subprotocol, as browsers have to send it', async () => {
    for (const [more, answered] of [
      [['proxylet'], 'proxylet'],
      [['chat'], 'chat'],
    ] as const) {
      const path = answered === 'chat' ? '/chat' : '/';
      const browser = new WebSocket(address(path), [...more, `proxylet.bearer.${engine.token()}`]);
      await once(browser, 'open');
      expect(browser.protocol).toBe(answered);
      browser.send('who');
      const [{ data }] = (await once(browser, 'message')) as [MessageEvent];
      expect(data).toBe('alice');
      browser.send('headers');
      const [{ data: headers }] = (await once(browser, 'message')) as [MessageEvent<string>];
      expect(JSON.parse(headers)).toMatchObject({ 'sec-websocket-protocol': more[0] });
      expect(headers).not.toContain('bearer');
      browser.close();
      await once(browser, 'close');
    }
  });

  it('pushes without being asked', async () => {
    const client = await open('/push');
    expect([await next(client), await next(client)]).toEqual(['tick', 'tick']);
    client.close();
  });

  it.each([
    ['no token', '/', {}, [401, 'no-credentials']],
    ['a foreign token', '/', { authorization: 'Bearer a.b.c' }, [401, 'invalid-token']],
    ['a page of another origin', '/', { origin: 'https://evil.example' }, [403, 'forbidden']],
    ['a page of no origin', '/', { origin: 'null' }, [403, 'forbidden']],
    ['a proxylet that throws', '/throw', undefined, [500, 'proxylet-threw']],
    ['a proxylet that answers otherwise', '/never', undefined, [403, 'not today']],
  ])('is refused: %s', async (_, path, headers, [status, words]) => {
    const { status: got, text: body } = await refusal(
      new Client(address(path), {
        headers:
          headers === undefined || 'origin' in headers
            ? { authorization: `Bearer ${engine.token()}`, ...headers }
            : headers,
      }),
    );
    expect([got, body]).toEqual([status, expect.stringContaining(String(words))]);
  });

  it('is open to a page of a listed origin', async () => {
    const client = await open('/', [], { origin: page });
    client.close();
    await bye(client);
  });

  it('ends a proxylet that computes for too long, and the next one works', async () => {
    const client = await open();
    client.send('loop');
    expect(await bye(client)).toEqual([1011, 'cpu-limit']);
    const again = await open();
    again.send('hi');
    expect(await next(again)).toBe('hi');
    again.close();
    await bye(again);
  });

  it('refuses messages beyond a megabyte', async () => {
    const client = await open();
    client.send(Buffer.alloc(1024 * 1024 + 1));
    expect((await bye(client))[0]).toBe(1009);
  });

  it('is closed when nothing was said for long, and not before', async () => {
    const client = await open();
    const startedMs = performance.now();
    await new Promise((resolve) => {
      setTimeout(resolve, 800);
    });
    client.send('still');
    await next(client);
    expect(await bye(client)).toEqual([1001, 'idle']);
    expect(performance.now() - startedMs).toBeGreaterThan(2000);
  });

  it('does not outstay the token that opened it', async () => {
    const claims = {
      sub: 'alice',
      scope: 'engine:invoke',
      roles: ['user'],
      aud: 'urn:proxylet:engine:local',
    };
    const exp = Math.floor(Date.now() / 1000) + 2;
    const client = await open('/', [], {
      authorization: `Bearer ${engine.issuer.token({ ...claims, exp })}`,
    });
    const talking = setInterval(() => client.send('still here'), 200);
    const ended = await bye(client);
    clearInterval(talking);
    expect(ended).toEqual([3000, 'the token has expired']);
  });

  it('counts against what an installation may have open, until it closes', async () => {
    const clients = await Promise.all([open(), open(), open(), open()]);
    expect(await refusal(dial())).toMatchObject({
      status: 429,
      text: expect.stringContaining('too-many-requests'),
    });
    for (const client of clients) client.terminate();
    await expect
      .poll(async () => {
        const client = dial();
        const isOpen = await Promise.race([
          once(client, 'open').then(() => true),
          once(client, 'close').then(() => false),
        ]);
        client.terminate();
        return isOpen;
      })
      .toBe(true);
  });

  it('leaves another wish to upgrade unheard', async () => {
    const headers = { authorization: `Bearer ${engine.token()}`, connection: 'Upgrade', upgrade: 'h2c' };
    const sent = request(`${engine.url}/run/acme/echo/`, { headers }).end();
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    expect([response.statusCode, await text(response)]).toEqual([426, 'a WebSocket, please']);
  });

  it('ends with the engine, and does not hold it up', async () => {
    const client = await open();
    const ended = bye(client);
    const startedMs = performance.now();
    await engine.restart();
    expect(await ended).toEqual([1001, 'the engine stops']);
    expect(performance.now() - startedMs).toBeLessThan(15_000);
  });
});
