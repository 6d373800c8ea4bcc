import { Pool } from 'undici';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestEngine } from '../../test/test-engine.js';

const echo = `export default { async fetch(request, env, ctx) {
  const url = new URL(request.url);
  if (url.pathname === '/html') return new Response('<b>hi</b>', { headers: { 'content-type': 'text/html', 'set-cookie': 'sid=1; Path=/' } });
  if (url.pathname === '/stream') return new Response(new ReadableStream({ start(c) {
    for (let i = 0; i < 48; i++) c.enqueue(new Uint8Array(16384).fill(97)); c.close(); } }));
  if (url.pathname === '/204') return new Response(null, { status: 204 });
  if (url.pathname === '/throw') throw new Error('on purpose');
  if (url.pathname === '/hang') await new Promise(() => {});
  const body = await request.text();
  return Response.json({ url: request.url, method: request.method, headers: Object.fromEntries(request.headers),
    length: body.length, body: body.slice(0, 100), user: ctx.user });
} };`;

let engine: TestEngine;
beforeAll(async () => {
  engine = await TestEngine.start({
    PROXYLET_ENGINE_CORS_ORIGINS: '["https://app.example"]',
    PROXYLET_ENGINE_MAX_BODY_BYTES: '1000000',
  });
  engine.catalog.publish('acme/echo', '1.0.0', echo, { limits: { timeoutMs: 1500 } });
  expect((await engine.install('acme/echo')).status).toBe(201);
});
afterAll(() => engine[Symbol.asyncDispose]());

interface Echo {
  readonly url: string;
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly length: number;
  readonly body: string;
  readonly user: Record<string, unknown>;
}

test('gives a proxylet its own root, the user, and no token', async () => {
  const token = engine.token();
  const { status, body, text } = await engine.call<Echo>('GET', '/run/acme/echo/a/b?c=1', {
    token,
    headers: { cookie: 'a=1; proxylet-console=x', 'x-roles': 'admin' },
  });
  expect(status).toBe(200);
  expect(body.url).toBe(`${engine.url}/a/b?c=1`);
  expect(body.headers).toMatchObject({ cookie: 'a=1', 'x-forwarded-prefix': '/run/acme/echo' });
  expect(body.headers).not.toHaveProperty('x-roles');
  expect(body.user).toEqual({ subject: 'alice', issuer: engine.issuer.url, roles: ['user'] });
  expect(text).not.toContain(token.slice(0, 20));
});

test.each(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])('carries %s through', async (method) => {
  const body = method === 'GET' || method === 'OPTIONS' ? undefined : { hello: 'there' };
  const answer = await engine.call<Echo>(method, '/run/acme/echo/x', { body });
  expect(answer.body.method).toBe(method);
  expect(answer.body.body).toBe(body === undefined ? '' : '{"hello":"there"}');
});

test('answers HEAD without a body', async () => {
  const answer = await engine.call('HEAD', '/run/acme/echo/x');
  expect([answer.status, answer.text]).toEqual([200, '']);
});

test('streams large bodies both ways', async () => {
  const sent = await engine.call<Echo>('POST', '/run/acme/echo/x', { body: 'x'.repeat(500_000) });
  expect(sent.body.length).toBe(500_002);
  const got = await engine.call('GET', '/run/acme/echo/stream');
  expect(got.text.length).toBe(48 * 16_384);
});

test('answers the next request on a connection whose body a proxylet left unread', async () => {
  const pool = new Pool(engine.url, { connections: 1 });
  const headers = { authorization: `Bearer ${engine.token()}` };
  try {
    const early = await pool.request({
      method: 'POST',
      path: '/run/acme/echo/204',
      headers,
      body: 'x'.repeat(600_000),
    });
    await early.body.dump();
    expect(early.statusCode).toBe(204);
    const next = await pool.request({
      method: 'GET',
      path: '/run/acme/echo/x',
      headers,
      headersTimeout: 5000,
    });
    expect(next.statusCode).toBe(200);
    await next.body.dump();
  } finally {
    await pool.destroy();
  }
});

test('refuses a body above the cap by its stated length and by its real one', async () => {
  const stated = await engine.call('POST', '/run/acme/echo/x', { body: 'x'.repeat(1_000_001) });
  expect([stated.status, stated.body['code']]).toEqual([413, 'body-too-large']);
  const chunk = new Uint8Array(100_000);
  const streamed = await fetch(`${engine.url}/run/acme/echo/x`, {
    method: 'POST',
    headers: { authorization: `Bearer ${engine.token()}` },
    duplex: 'half',
    body: new ReadableStream({
      pull(controller) {
        controller.enqueue(chunk);
      },
    }),
  } as RequestInit).catch(() => undefined);
  if (streamed !== undefined) expect(streamed.status).toBe(413);
});

test('keeps HTML in a sandbox and cookies on their path', async () => {
  const { headers } = await engine.call('GET', '/run/acme/echo/html');
  expect(headers.get('content-security-policy')).toBe('sandbox');
  expect(headers.get('x-content-type-options')).toBe('nosniff');
  expect(headers.get('set-cookie')).toBe('sid=1; Path=/run/acme/echo');
});

test('passes on an answer without content', async () => {
  const { status, text } = await engine.call('GET', '/run/acme/echo/204');
  expect([status, text]).toEqual([204, '']);
});

const preflight = (origin: string): Promise<Response> =>
  fetch(`${engine.url}/run/acme/echo/x`, {
    method: 'OPTIONS',
    headers: {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization',
    },
  });

test('answers a preflight before any token, for listed origins alone', async () => {
  const allowed = await preflight('https://app.example');
  expect([allowed.status, allowed.headers.get('access-control-allow-origin')]).toEqual([
    204,
    'https://app.example',
  ]);
  const refused = await preflight('https://app.example.evil');
  expect(refused.headers.get('access-control-allow-origin')).toBeNull();
});

test('lets a listed page read answers and refusals', async () => {
  const origin = { origin: 'https://app.example' };
  const ok = await engine.call('GET', '/run/acme/echo/x', { headers: origin });
  const missing = await engine.call('GET', '/run/acme/none/x', { headers: origin });
  for (const { headers } of [ok, missing]) {
    expect(headers.get('access-control-allow-origin')).toBe('https://app.example');
    expect(headers.get('vary')).toContain('Origin');
  }
});

test('says what is wrong with a token, and how to get one', async () => {
  const bare = await fetch(`${engine.url}/run/acme/echo/x`);
  expect(bare.status).toBe(401);
  expect(bare.headers.get('www-authenticate')).toMatch(/^Bearer realm=.*resource_metadata=/);
  const foreign = engine.issuer.token({ sub: 'alice', aud: 'urn:proxylet:catalog', scope: 'engine:invoke' });
  const wrong = await engine.call('GET', '/run/acme/echo/x', { token: foreign });
  expect([wrong.status, wrong.body['code']]).toEqual([401, 'invalid-token']);
  expect(wrong.headers.get('www-authenticate')).toContain('error="invalid_token"');
  const scopeless = await engine.call('GET', '/run/acme/echo/x', {
    token: engine.token('alice', 'engine:install'),
  });
  expect([scopeless.status, scopeless.body['code']]).toEqual([403, 'insufficient-scope']);
  expect(scopeless.headers.get('www-authenticate')).toContain('scope="engine:invoke"');
});

test('hides what is installed from everybody else', async () => {
  const bob = engine.token('bob');
  const call = await engine.call('GET', '/run/acme/echo/x', { token: bob });
  expect([call.status, call.body['code']]).toEqual([404, 'not-installed']);
  for (const path of ['/v1/installations/acme/echo', '/v1/installations/acme/echo/logs']) {
    expect((await engine.call('GET', path, { token: bob })).status).toBe(404);
  }
  const removed = await engine.call('DELETE', '/v1/installations/acme/echo', { token: bob });
  expect(removed.status).toBe(404);
  const list = await engine.call('GET', '/v1/installations', { token: bob });
  expect(list.body['items']).toEqual([]);
});

test('answers a guest that throws or hangs with its own problem', async () => {
  const threw = await engine.call('GET', '/run/acme/echo/throw');
  expect([threw.status, threw.body['code']]).toEqual([500, 'proxylet-threw']);
  const hung = await engine.call('GET', '/run/acme/echo/hang');
  expect([hung.status, hung.body['code']]).toEqual([504, 'time-limit']);
  expect((await engine.call('GET', '/run/acme/echo/x')).status).toBe(200);
});

test('refuses a foreign Host and a method of no proxylet', async () => {
  const { request } = await import('node:http');
  const status = (method: string, headers: Record<string, string>) =>
    new Promise<number | undefined>((resolve, reject) => {
      request(`${engine.url}/run/acme/echo/x`, { method, headers }, (answer) => {
        answer.resume();
        resolve(answer.statusCode);
      })
        .on('error', reject)
        .end();
    });
  const authorization = `Bearer ${engine.token()}`;
  expect(await status('GET', { host: 'evil.example', authorization })).toBe(421);
  expect(await status('TRACE', { authorization })).toBe(405);
});

test('tells a guest that its caller went away, and counts it', async () => {
  const abort = new AbortController();
  const headers = { authorization: `Bearer ${engine.token()}` };
  const gone = fetch(`${engine.url}/run/acme/echo/hang`, { headers, signal: abort.signal });
  const busy = () => engine.core.parts.sandbox.runners().some(({ inFlight }) => inFlight > 0);
  await expect.poll(busy).toBe(true);
  abort.abort();
  await expect(gone).rejects.toThrow();
  await expect.poll(busy).toBe(false);
  const { text } = await engine.call('GET', '/metrics');
  expect(text).toContain('outcome="request-cancelled"} 1');
});

test('describes every route of its own', async () => {
  const { body } = await engine.call('GET', '/openapi.json');
  expect(Object.keys(body['paths'] as object)).toEqual(
    expect.arrayContaining([
      '/.well-known/proxylet-engine',
      '/v1/admin/egress',
      '/v1/admin/installations',
      '/v1/admin/runners',
      '/v1/installations',
      '/v1/installations/{ns}/{name}',
      '/v1/installations/{ns}/{name}/logs',
      '/v1/services/{ns}/{name}/initialize',
    ]),
  );
});

test('counts calls by version and outcome', async () => {
  await engine.call('GET', '/run/acme/echo/throw');
  const { text } = await engine.call('GET', '/metrics');
  const count = (outcome: string) =>
    Number(
      new RegExp(
        `proxylet_invocations_total\\{proxylet="acme/echo",version="1.0.0",outcome="${outcome}"\\} (\\d+)`,
      ).exec(text)?.[1],
    );
  expect(count('ok')).toBeGreaterThan(5);
  expect(count('proxylet-threw')).toBeGreaterThan(0);
  expect(text).toMatch(/proxylet_invocation_duration_seconds_bucket\{[^}]*le="\+Inf"[^}]*\} \d+/);
  expect(text).toMatch(/proxylet_installed 1/);
});
