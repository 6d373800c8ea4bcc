import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { connect } from 'node:net';
import { Module } from '@nestjs/common';
import { expect, test } from 'vitest';
import { startService } from '../../test/test-service.js';

@Module({})
class EmptyModule {}

const app = 'https://app.example';
const env = {
  PROXYLET_CATALOG_CORS_ORIGINS: JSON.stringify([app]),
  PROXYLET_CATALOG_ALLOWED_HOSTS: '["gateway.lan"]',
};

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
}

/** fetch does not let a caller choose Host and Origin. */
function ask(url: string, headers: Record<string, string>, method = 'GET'): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  httpRequest(url, { method, headers }, (response) => {
    response.resume().on('end', () => {
      resolve({ status: response.statusCode ?? 0, headers: response.headers });
    });
  })
    .on('error', reject)
    .end();
  return promise;
}

test('answers for addresses, localhost and the listed names, and for no other', async () => {
  await using sut = await startService(EmptyModule, { env });
  const hosts: [string, number][] = [
    ['127.0.0.1:7070', 200],
    ['192.168.1.20', 200],
    ['[::1]:7070', 200],
    ['LOCALHOST:1', 200],
    ['gateway.lan:7070', 200],
    ['evil.example', 421],
    ['127.0.0.1.evil.example', 421],
    ['localhost.evil.example', 421],
    ['gateway.lan.', 421],
    ['a@127.0.0.1', 421],
  ];
  for (const [host, status] of hosts) {
    expect([host, (await ask(`${sut.url}/version`, { host })).status]).toEqual([host, status]);
  }
  expect((await ask(`${sut.url}/health/live`, { host: 'pod-7.cluster' })).status).toBe(200);
});

test('a service with a public address answers for its name', async () => {
  await using sut = await startService(EmptyModule, {
    env: { PROXYLET_CATALOG_PUBLIC_URL: 'https://cat.example/' },
  });
  expect((await ask(`${sut.url}/version`, { host: 'cat.example' })).status).toBe(200);
});

test('answers the preflight of a listed origin before any token, with no cookie allowed', async () => {
  await using sut = await startService(EmptyModule, { env });
  const preflight = {
    'access-control-request-method': 'PUT',
    'access-control-request-headers': 'authorization,x-own',
  };
  const { status, headers } = await ask(`${sut.url}/v1/any`, { ...preflight, origin: app }, 'OPTIONS');
  expect(status).toBe(204);
  expect(headers).toMatchObject({
    'access-control-allow-origin': app,
    'access-control-allow-headers': 'authorization,x-own',
    'access-control-max-age': '600',
  });
  expect(headers['access-control-allow-credentials']).toBeUndefined();
  expect(headers.vary).toContain('Origin');
});

test.each([
  'https://evil.example',
  'null',
  'https://app.example.evil.example',
  'http://app.example',
  `${app}:444`,
])('the origin %s gets no CORS header', async (origin) => {
  await using sut = await startService(EmptyModule, { env });
  const preflight = { origin, 'access-control-request-method': 'PUT' };
  for (const answer of [
    await ask(`${sut.url}/v1/any`, preflight, 'OPTIONS'),
    await ask(`${sut.url}/version`, { origin }),
  ]) {
    expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
    expect(answer.headers.vary).toContain('Origin');
  }
});

test('lets a page of a listed origin read answers, refusals included', async () => {
  await using sut = await startService(EmptyModule, { env });
  const { status, headers } = await ask(`${sut.url}/nothing`, { origin: app });
  expect(status).toBe(404);
  expect(headers['access-control-allow-origin']).toBe(app);
  expect(headers['access-control-expose-headers']).toContain('WWW-Authenticate');
});

test('every answer of the control plane is safe to open in a browser', async () => {
  await using sut = await startService(EmptyModule);
  for (const path of ['/version', '/nothing']) {
    expect((await ask(`${sut.url}${path}`, {})).headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    });
  }
});

test('what is no HTTP gets a short 400 and no service is lost', async () => {
  await using sut = await startService(EmptyModule);
  for (const bytes of ['NONSENSE\r\n\r\n', `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`]) {
    expect(await raw(sut.url, bytes)).toMatch(/^HTTP\/1\.1 400 [\s\S]*"code":"invalid-request"/);
  }
  const smuggled =
    'POST /version HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n';
  expect(await raw(sut.url, smuggled)).toContain(' 400 ');
  expect((await sut.fetch('/health/live')).status).toBe(200);
});

function raw(url: string, bytes: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const { hostname, port } = new URL(url);
  let answer = '';
  const socket = connect(Number(port), hostname, () => socket.end(bytes));
  socket
    .on('data', (chunk) => {
      answer += String(chunk);
    })
    .on('close', () => {
      resolve(answer);
    })
    .on('error', reject);
  return promise;
}
