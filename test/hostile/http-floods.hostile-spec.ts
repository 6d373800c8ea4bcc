import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestStack, type TestStack } from '@proxylet/testing';
import { rawRequest } from '../support/raw-request.js';

let stack: TestStack;
let services: readonly (readonly [name: string, url: string, path: string])[];

beforeAll(async () => {
  stack = await startTestStack();
  services = [
    ['the catalog', stack.catalog.url, '/v1/proxylets'],
    ['the engine', stack.engine.url, '/v1/installations'],
    ['calls', stack.engine.url, '/run/acme/thumb/'],
  ];
});

afterAll(() => stack[Symbol.asyncDispose]());

async function everywhere(check: (url: string, path: string) => Promise<void>): Promise<void> {
  for (const [, url, path] of services) await check(url, path);
}

function opened(url: string, text: string): Promise<Socket> {
  const { port, hostname } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => {
      socket.write(text);
      resolve(socket);
    });
    socket.on('error', reject);
  });
}

describe('a request that two servers could read in two ways', () => {
  const chunked = '5\r\nhello\r\n0\r\n\r\n';
  it.each([
    ['length and chunks', ['Content-Length: 5', 'Transfer-Encoding: chunked'], chunked],
    ['two lengths', ['Content-Length: 5', 'Content-Length: 6'], 'hello'],
    ['a length with a sign', ['Content-Length: +5'], 'hello'],
    ['a length in hexadecimal', ['Content-Length: 0x5'], 'hello'],
    ['chunks that are not the last coding', ['Transfer-Encoding: chunked, identity'], chunked],
    ['a coding with a tab', ['Transfer-Encoding:\x0bchunked'], chunked],
    ['a header without a name', [': x'], ''],
    ['a blank before the colon', ['Host : other'], ''],
    ['two hosts', ['Host: other.example'], ''],
  ])('is refused: %s', async (_name, lines, body) => {
    await everywhere(async (url, path) => {
      const { status } = await rawRequest(url, { method: 'POST', path, lines, body });
      expect([400, 401]).toContain(status);
    });
  });
});

describe('a request that is too large', () => {
  it('in its headers is refused at once', async () => {
    await everywhere(async (url, path) => {
      const lines = Array.from({ length: 100 }, (_, i) => `X-${i}: ${'x'.repeat(1000)}`);
      expect([400, 431]).toContain((await rawRequest(url, { path, lines })).status);
    });
  });

  it('in its address is refused at once', async () => {
    await everywhere(async (url, path) => {
      const { status } = await rawRequest(url, { path: `${path}?x=${'y'.repeat(20_000)}`, lines: [] });
      expect([400, 414, 431]).toContain(status);
    });
  });

  it('in the depth of its JSON is refused by a problem', async () => {
    const authorization = await stack.bearer('alice', 'engine');
    const body = `{"consent":${'['.repeat(100_000)}${']'.repeat(100_000)}}`;
    const response = await fetch(`${stack.engine.url}/v1/installations/acme/thumb`, {
      method: 'PUT',
      headers: { authorization, 'content-type': 'application/json' },
      body,
    });
    expect(response.status).toBe(400);
    expect(response.headers.get('content-type')).toContain('problem+json');
  });

  it('in the bytes of its JSON is refused by a problem', async () => {
    const response = await fetch(`${stack.engine.url}/v1/installations/acme/thumb`, {
      method: 'PUT',
      headers: { authorization: await stack.bearer('alice', 'engine'), 'content-type': 'application/json' },
      body: JSON.stringify({ consent: 'x'.repeat(1_000_000) }),
    });
    expect(response.status).toBe(413);
  });

  it.each(['text/plain', 'application/x-www-form-urlencoded', 'application/xml'])(
    'or comes as %s, as a page of somebody could send it, is refused',
    async (type) => {
      const response = await fetch(`${stack.engine.url}/v1/installations/acme/thumb`, {
        method: 'PUT',
        headers: { authorization: await stack.bearer('alice', 'engine'), 'content-type': type },
        body: '{"consent":true}',
      });
      expect(response.status).toBe(415);
    },
  );
});

it('five hundred slow requests keep nobody else waiting, and are ended', { timeout: 60_000 }, async () => {
  const { url } = stack.engine;
  const sockets = await Promise.all(
    Array.from({ length: 500 }, () =>
      opened(url, 'GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: '),
    ),
  );
  const ended = Promise.all(
    sockets.map(
      (socket) =>
        new Promise((resolve) =>
          socket
            .on('close', resolve)
            .on('error', () => undefined)
            .resume(),
        ),
    ),
  );
  const took: number[] = [];
  for (let i = 0; i < 30; i += 1) {
    const startedMs = performance.now();
    expect((await fetch(`${url}/health/live`)).status).toBe(200);
    took.push(performance.now() - startedMs);
  }
  expect(took.toSorted((a, b) => a - b)[15]).toBeLessThan(200);
  await ended;
});
