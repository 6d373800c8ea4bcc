import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KvDouble } from '../../tools/kv-double.js';
import contextCache from '../src/index.js';

const entity = JSON.stringify({
  id: 'urn:ngsi-ld:Room:1',
  type: 'Room',
  temperature: { type: 'Property', value: 21 },
});
const path = '/ngsi-ld/v1/entities/urn:ngsi-ld:Room:1';

let broker: Server;
let asked: IncomingMessage[];
let answer: (response: ServerResponse, request: IncomingMessage) => void;
let now: number;
let kv: KvDouble;
let warnings: string[];

beforeEach(async () => {
  asked = [];
  warnings = [];
  now = Date.now();
  kv = new KvDouble(() => now);
  answer = (response) => response.setHeader('content-type', 'application/ld+json').end(entity);
  broker = createServer((request, response) => {
    asked.push(request);
    answer(response, request);
  });
  await new Promise<void>((resolve) => broker.listen(0, '127.0.0.1', resolve));
});

afterEach(() => stopBroker());

function stopBroker(): Promise<void> {
  return new Promise((resolve) => {
    broker.close(() => resolve());
    broker.closeAllConnections();
  });
}

function brokerUrl(): string {
  return `http://127.0.0.1:${(broker.address() as AddressInfo).port}`;
}

interface Call {
  readonly url?: string;
  readonly init?: RequestInit;
  readonly config?: object;
}

async function call({ url = path, init, config = { broker: configured } }: Call = {}): Promise<Response> {
  const log = { info: () => undefined, warn: (text: unknown) => warnings.push(String(text)) };
  const context = { user: { subject: 'alice', issuer: '', roles: [] }, log };
  return contextCache.fetch(
    new Request(`https://gateway.test${url}`, init),
    { KV: kv, CONFIG: config },
    context,
  );
}

let configured: string;
beforeEach(() => {
  configured = brokerUrl();
});

/** Ages what is kept, as the clock of the handler stays the real one. */
function passSeconds(seconds: number): void {
  now += seconds * 1000;
  for (const [key, entry] of kv.entries) {
    const value = entry.value.replace(
      /"storedAtMs":(\d+)/,
      (_, ms) => `"storedAtMs":${Number(ms) - seconds * 1000}`,
    );
    kv.entries.set(key, { ...entry, value });
  }
}

describe('demo/context-cache', () => {
  it('passes question and answer through, with the headers that matter', async () => {
    answer = (response) =>
      response
        .writeHead(200, {
          'content-type': 'application/json',
          link: '<https://example.com/c.jsonld>; rel="x"',
          'ngsild-results-count': '1',
          'set-cookie': 'a=b',
          server: 'broker',
        })
        .end(`[${entity}]`);
    const headers = {
      accept: 'application/json',
      link: '<https://example.com/c.jsonld>; rel="y"',
      'ngsild-tenant': 'town',
      'x-secret': 'no',
    };
    const response = await call({ url: '/ngsi-ld/v1/entities?type=Room&q=a%3D%3D1', init: { headers } });
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual([JSON.parse(entity)]);
    expect(Object.fromEntries(response.headers)).toEqual({
      'content-type': 'application/json',
      link: '<https://example.com/c.jsonld>; rel="x"',
      'ngsild-results-count': '1',
      'x-cache': 'miss',
      'cache-control': 'no-store',
    });
    expect(asked[0]?.url).toBe('/ngsi-ld/v1/entities?type=Room&q=a%3D%3D1');
    expect(asked[0]?.headers).toMatchObject({
      accept: 'application/json',
      'ngsild-tenant': 'town',
      link: headers.link,
    });
    expect(asked[0]?.headers).not.toHaveProperty('x-secret');
  });

  it('answers again without asking for maxAgeSeconds, then asks', async () => {
    await call();
    passSeconds(4);
    const hit = await call();
    expect([hit.headers.get('x-cache'), hit.headers.get('age')]).toEqual(['hit', '4']);
    expect(await hit.text()).toBe(entity);
    passSeconds(2);
    expect((await call()).headers.get('x-cache')).toBe('miss');
    expect(asked).toHaveLength(2);
  });

  it('answers from its cache and says so when the broker is gone', async () => {
    await call();
    await stopBroker();
    passSeconds(600);
    const stale = await call();
    expect(stale.status).toBe(200);
    expect(await stale.text()).toBe(entity);
    expect([stale.headers.get('x-cache'), stale.headers.get('age'), stale.headers.get('warning')]).toEqual([
      'stale',
      '600',
      '110 - "Response is Stale"',
    ]);
    expect(warnings).toHaveLength(1);
  });

  it.each([
    ['a gateway error', (response: ServerResponse) => void response.writeHead(503).end('down')],
    ['a cut answer', (response: ServerResponse) => void response.socket?.destroy()],
    [
      'a redirect elsewhere',
      (response: ServerResponse) => void response.writeHead(302, { location: '/' }).end(),
    ],
    ['silence', () => undefined],
  ])('takes %s for a broker out of reach', async (_, outage) => {
    const config = { broker: configured, timeoutSeconds: 1 };
    await call({ config });
    answer = outage;
    passSeconds(6);
    expect((await call({ config })).headers.get('x-cache')).toBe('stale');
  });

  it('says 504 when the broker is gone and nothing is kept, or what is kept is too old', async () => {
    await call();
    await stopBroker();
    const unknown = await call({ url: `${path}?options=keyValues` });
    expect(unknown.status).toBe(504);
    expect(await unknown.json()).toMatchObject({ code: 'broker-unreachable' });
    passSeconds(5 + 86_400);
    expect((await call()).status).toBe(504);
  });

  it('keeps answers of tenants and of representations apart', async () => {
    answer = (response, request) =>
      response.end(JSON.stringify([request.headers['ngsild-tenant'], request.headers.accept]));
    const asks: RequestInit[] = [
      {},
      { headers: { 'ngsild-tenant': 'b' } },
      { headers: { accept: 'application/json' } },
    ];
    const first = await Promise.all(asks.map(async (init) => (await call({ init })).text()));
    const second = await Promise.all(asks.map(async (init) => (await call({ init })).text()));
    expect(new Set(first).size).toBe(3);
    expect(second).toEqual(first);
    expect(asked).toHaveLength(3);
  });

  it('passes an error through without keeping it, and forgets what is gone', async () => {
    await call();
    passSeconds(6);
    answer = (response) => response.writeHead(404, { 'content-type': 'application/problem+json' }).end('{}');
    expect((await call()).status).toBe(404);
    await stopBroker();
    expect((await call()).status).toBe(504);
  });

  it('passes on what is too large to keep', async () => {
    answer = (response) => response.end('x'.repeat(600_000));
    expect(await (await call()).text()).toHaveLength(600_000);
    expect(kv.entries.size).toBe(0);
  });

  it('still answers when the store refuses', async () => {
    kv.beforePut = () => {
      throw new Error('quota');
    };
    expect((await call()).status).toBe(200);
    expect(warnings).toHaveLength(1);
  });

  it('asks a broker that lies below a path', async () => {
    await call({ config: { broker: `${configured}/orion/` } });
    expect(asked[0]?.url).toBe(`/orion${path}`);
  });

  it('is read-only, leads nowhere else, and wants a broker', async () => {
    expect((await call({ init: { method: 'DELETE' } })).status).toBe(405);
    expect((await call({ url: '/admin' })).status).toBe(404);
    expect((await call({ url: '/ngsi-ld/../admin' })).status).toBe(404);
    for (const config of [{}, { broker: 'broker.local' }, { broker: 'http://user:secret@broker.local' }]) {
      expect(await (await call({ config })).json()).toMatchObject({ status: 503, code: 'not-configured' });
    }
    expect(asked).toEqual([]);
  });
});
