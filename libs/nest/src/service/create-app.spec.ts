import type { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { Controller, Get, Module, Res, SetMetadata } from '@nestjs/common';
import type { Principal } from '@proxylet/auth';
import { Problem } from '@proxylet/contract';
import { describe, expect, test } from 'vitest';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { startService } from '../../test/test-service.js';
import { ACCESS, CurrentPrincipal, Public, RequireScopes } from '../auth/access.js';
import { Endpoint } from '../endpoint/endpoint.js';
import { Body, Params, Query } from '../endpoint/input.interceptor.js';
import { pageQuery } from '../http/paging.js';

const thingParams = z.strictObject({ id: z.string().regex(/^[a-z]+$/, 'must be lower-case letters') });
const thingBody = z.strictObject({ size: z.int().max(10), note: z.string().optional() });

@Controller('v1/things')
class ThingController {
  @Endpoint('GET :id', {
    summary: 'Read a thing',
    params: thingParams,
    query: z.strictObject({ ...pageQuery }),
    response: z.object({ id: z.string(), who: z.string() }),
    scopes: ['catalog:read'],
    errors: ['not-found'],
  })
  read(
    @Params() { id }: z.output<typeof thingParams>,
    @Query() { limit }: { limit: number },
    @CurrentPrincipal() principal: Principal,
  ): unknown {
    if (id === 'missing') throw new Problem('not-found', 'There is no such thing.');
    if (id === 'broken') throw new Error('secret detail of the disk');
    return { id, limit, who: principal.key };
  }

  @Endpoint('PUT :id', {
    summary: 'Write a thing',
    params: thingParams,
    body: thingBody,
    status: 201,
    scopes: { anyOf: ['catalog:manage', 'catalog:publish'] },
  })
  write(@Body() body: z.output<typeof thingBody>): unknown {
    return body;
  }

  @Endpoint('POST :id/archive', {
    summary: 'Send an archive',
    params: thingParams,
    body: 'stream',
    public: true,
  })
  async archive(@Body() body: Readable): Promise<{ bytes: number }> {
    let bytes = 0;
    for await (const chunk of body) bytes += (chunk as Buffer).byteLength;
    return { bytes };
  }

  @Endpoint('GET :id/late', { summary: 'Fails after the answer began', params: thingParams, public: true })
  late(@Res() reply: FastifyReply): void {
    reply.hijack();
    reply.raw.writeHead(200).write('half');
    throw new Error('too late');
  }

  @Get('admin/only')
  @RequireScopes('catalog:admin')
  admin(): string {
    return 'never';
  }
}

@Module({ controllers: [ThingController] })
class ThingModule {}

interface ProblemAnswer {
  readonly code: string;
  readonly detail: string;
  readonly traceId: string;
  readonly errors?: { pointer: string; detail: string }[];
}

async function problemOf(response: Response): Promise<ProblemAnswer> {
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  const problem = (await response.json()) as ProblemAnswer;
  expect(response.headers.get('x-trace-id')).toBe(problem.traceId);
  return problem;
}

test('answers a caller with a good token and knows who it is', async () => {
  await using sut = await startService(ThingModule);
  const token = await sut.issuer.token();
  for (let i = 0; i < 2; i += 1) {
    const response = await sut.fetch('/v1/things/abc?limit=7', { token });
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ id: 'abc', limit: 7, who: `user|${sut.issuer.url}|alice` });
  }
  const written = await sut.fetch('/v1/things/abc', {
    method: 'PUT',
    token,
    headers: { 'content-type': 'application/json' },
    body: '{"size":3}',
  });
  expect([written.status, await written.json()]).toEqual([201, { size: 3 }]);
});

test('fails the start where a route states no access rule', async () => {
  @Controller('open')
  class OpenController {
    @Get('door')
    door(): string {
      return 'open';
    }
  }
  @Module({ controllers: [OpenController] })
  class OpenModule {}
  await expect(startService(OpenModule)).rejects.toThrow('OpenController.door (GET /open/door)');
});

test('a class may be public as a whole', async () => {
  @Public()
  @Controller('open')
  class OpenController {
    @Get('door')
    door(): string {
      return 'open';
    }
  }
  @Module({ controllers: [OpenController] })
  class OpenModule {}
  await using sut = await startService(OpenModule);
  const response = await sut.fetch('/open/door', { token: 'not-even-a-token' });
  expect(await response.text()).toBe('open');
});

describe('access', () => {
  test('says how to get a token where there is none', async () => {
    await using sut = await startService(ThingModule);
    const response = await sut.fetch('/v1/things/abc');
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toBe(
      `Bearer realm="proxylet-test", resource_metadata="${sut.url}/.well-known/oauth-protected-resource"`,
    );
    expect((await problemOf(response)).code).toBe('no-credentials');
    const metadata = (await (await sut.fetch('/.well-known/oauth-protected-resource')).json()) as object;
    expect(metadata).toMatchObject({
      resource: 'urn:proxylet:test',
      authorization_servers: [sut.issuer.url],
    });
  });

  test('refuses a bad token without repeating it, and logs the failed check', async () => {
    await using sut = await startService(ThingModule);
    const token = await sut.issuer.token({ aud: 'urn:proxylet:catalog' });
    const response = await sut.fetch('/v1/things/abc', { token });
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toContain('error="invalid_token"');
    expect((await problemOf(response)).code).toBe('invalid-token');
    const log = sut.lines.join('');
    expect(log).toContain('it is for another audience');
    expect(log).not.toContain(token.slice(0, 20));
  });

  test.each([
    ['of another scheme', 'Basic YTpi'],
    ['without a token', 'Bearer'],
    ['with three letters', 'Bearer a.b.c'],
    ['of 9 KB', `Bearer ${'a'.repeat(9000)}.b.c`],
    ['with two tokens', 'Bearer a.b.c, Bearer d.e.f'],
  ])('answers a header %s as a bad token, never as a fault of ours', async (_name, authorization) => {
    await using sut = await startService(ThingModule);
    const response = await sut.fetch('/v1/things/abc', { headers: { authorization } });
    expect([response.status, (await problemOf(response)).code]).toEqual([401, 'invalid-token']);
  });

  test('takes a token from the header alone', async () => {
    await using sut = await startService(ThingModule);
    const token = await sut.issuer.token();
    for (const headers of [{ 'x-auth-token': token }, { cookie: `token=${token}` }]) {
      expect((await sut.fetch('/v1/things/abc', { headers })).status).toBe(401);
    }
    expect((await sut.fetch(`/v1/things/abc?access_token=${token}`)).status).toBe(401);
  });

  test('names the missing scope', async () => {
    await using sut = await startService(ThingModule);
    const token = await sut.issuer.token({ scope: 'engine:invoke' });
    const response = await sut.fetch('/v1/things/abc', { token });
    expect(response.status).toBe(403);
    expect(response.headers.get('www-authenticate')).toContain(
      'error="insufficient_scope", scope="catalog:read"',
    );
    const admin = await sut.fetch('/v1/things/admin/only', { token: await sut.issuer.token() });
    expect(admin.headers.get('www-authenticate')).toContain('scope="catalog:admin"');
  });

  test('an identity manager that is away is an outage, not a refusal', async () => {
    await using sut = await startService(ThingModule);
    const token = await sut.issuer.token({}, {}, 'key-1');
    await sut.issuer.addKey('key-2');
    const unseen = await sut.issuer.token({}, {}, 'key-2');
    expect((await sut.fetch('/v1/things/abc', { token })).status).toBe(200);
    await sut.issuer.offline();
    const warm = await sut.fetch('/v1/things/abc', { token });
    expect(warm.status).toBe(200);
    const cold = await sut.fetch('/v1/things/abc', { token: unseen });
    // Within the cool-down an unknown key is simply unknown; what matters is that nothing hangs and nothing is let in.
    expect([401, 503]).toContain(cold.status);
  });

  test('a cold start without the identity manager answers 503 with Retry-After', async () => {
    await using other = await startService(ThingModule);
    const token = await other.issuer.token();
    await other.issuer.offline();
    await using sut = await startService(ThingModule, {
      env: { PROXYLET_AUTH_ISSUERS: JSON.stringify([{ issuer: other.issuer.url }]) },
    });
    const response = await sut.fetch('/v1/things/abc', { token });
    expect(response.status).toBe(503);
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await problemOf(response)).code).toBe('idm-unavailable');
  });

  test('a route whose rule was lost after the start is closed', async () => {
    @Controller('lost')
    class LostController {
      @Get()
      @RequireScopes('catalog:read')
      lost(): string {
        return 'lost';
      }
    }
    @Module({ controllers: [LostController] })
    class LostModule {}
    await using sut = await startService(LostModule);
    // oxlint-disable-next-line typescript/unbound-method -- the metadata hangs on the function itself
    SetMetadata(ACCESS, undefined)(LostController.prototype.lost);
    const response = await sut.fetch('/lost', { token: await sut.issuer.token() });
    expect([response.status, (await problemOf(response)).code]).toEqual([403, 'forbidden']);
  });

  test('two services in one process do not share their issuers', async () => {
    await using a = await startService(ThingModule);
    await using b = await startService(ThingModule);
    expect((await a.fetch('/v1/things/abc', { token: await a.issuer.token() })).status).toBe(200);
    expect((await b.fetch('/v1/things/abc', { token: await a.issuer.token() })).status).toBe(401);
  });
});

describe('input', () => {
  const json = { 'content-type': 'application/json' };
  const bad: [string, string, RequestInit, number, string, string[]][] = [
    ['a path parameter', '/v1/things/ABC', {}, 400, 'invalid-request', ['/params/id']],
    ['a limit of 0', '/v1/things/abc?limit=0', {}, 400, 'invalid-request', ['/query/limit']],
    ['a limit that is no number', '/v1/things/abc?limit=1e1', {}, 400, 'invalid-request', ['/query/limit']],
    ['a limit given twice', '/v1/things/abc?limit=1&limit=2', {}, 400, 'invalid-request', ['/query/limit']],
    ['an unknown parameter', '/v1/things/abc?limti=1', {}, 400, 'invalid-request', ['/query/limti']],
    [
      'several things at once',
      '/v1/things/ABC?limit=0',
      {},
      400,
      'invalid-request',
      ['/params/id', '/query/limit'],
    ],
    ['no body', '/v1/things/abc', { method: 'PUT' }, 400, 'invalid-request', ['/body']],
    [
      'broken JSON',
      '/v1/things/abc',
      { method: 'PUT', headers: json, body: '{"size":' },
      400,
      'invalid-request',
      [],
    ],
    [
      'a poisoned prototype',
      '/v1/things/abc',
      { method: 'PUT', headers: json, body: '{"size":1,"__proto__":{"x":1}}' },
      400,
      'invalid-request',
      [],
    ],
    [
      'a member too many',
      '/v1/things/abc',
      { method: 'PUT', headers: json, body: '{"size":1,"owner":"bob"}' },
      400,
      'invalid-request',
      ['/body/owner'],
    ],
    [
      'JSON nested 100 000 deep',
      '/v1/things/abc',
      { method: 'PUT', headers: json, body: '['.repeat(100_000) + ']'.repeat(100_000) },
      400,
      'invalid-request',
      ['/body'],
    ],
    [
      'a form',
      '/v1/things/abc',
      { method: 'PUT', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: 'size=1' },
      415,
      'unsupported-media-type',
      [],
    ],
    [
      'JSON that claims to be text',
      '/v1/things/abc',
      { method: 'PUT', headers: { 'content-type': 'text/plain' }, body: '{"size":1}' },
      415,
      'unsupported-media-type',
      [],
    ],
    [
      'an archive where JSON belongs',
      '/v1/things/abc',
      { method: 'PUT', headers: { 'content-type': 'application/gzip' }, body: 'xx' },
      415,
      'unsupported-media-type',
      [],
    ],
    [
      'more than 256 KB of JSON',
      '/v1/things/abc',
      { method: 'PUT', headers: json, body: JSON.stringify({ size: 1, note: 'x'.repeat(300_000) }) },
      413,
      'body-too-large',
      [],
    ],
    ['an unknown address', '/v1/nothing', {}, 404, 'not-found', []],
    ['an address that is no text', '/v1/things/%ff', {}, 400, 'invalid-request', []],
  ];
  test.each(bad)('refuses %s', async (_name, path, init, status, code, pointers) => {
    await using sut = await startService(ThingModule);
    const response = await sut.fetch(path, { token: await sut.issuer.token(), ...init });
    const problem = await problemOf(response);
    expect([response.status, problem.code]).toEqual([status, code]);
    expect((problem.errors ?? []).map(({ pointer }) => pointer)).toEqual(pointers);
  });

  test('hands an archive on as it comes', async () => {
    await using sut = await startService(ThingModule);
    const body = gzipSync(Buffer.alloc(3_000_000, 'noise'), { level: 0 });
    const response = await sut.fetch('/v1/things/abc/archive', {
      method: 'POST',
      headers: { 'content-type': 'application/gzip' },
      body,
    });
    expect(await response.json()).toEqual({ bytes: body.byteLength });
    const asJson = await sut.fetch('/v1/things/abc/archive', { method: 'POST', headers: json, body: '{}' });
    expect((await problemOf(asJson)).code).toBe('unsupported-media-type');
  });
});

describe('problems', () => {
  test('a problem keeps its code, an unforeseen error keeps its secrets', async () => {
    await using sut = await startService(ThingModule);
    const token = await sut.issuer.token();
    expect((await problemOf(await sut.fetch('/v1/things/missing', { token }))).detail).toBe(
      'There is no such thing.',
    );
    const response = await sut.fetch('/v1/things/broken', { token });
    expect(response.status).toBe(500);
    const problem = await problemOf(response);
    expect(JSON.stringify(problem)).not.toContain('secret detail');
    const line = sut.lines.find((one) => one.includes('secret detail of the disk'));
    expect(JSON.parse(line ?? '{}')).toMatchObject({ level: 50, traceId: problem.traceId, code: 'internal' });
  });

  test('takes up the trace and the correlator of the caller, where they are sane', async () => {
    await using sut = await startService(ThingModule);
    const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
    const good = await sut.fetch('/version', {
      headers: { traceparent: `00-${trace}-00f067aa0ba902b7-01`, 'fiware-correlator': 'abc-1' },
    });
    expect(good.headers.get('x-trace-id')).toBe(trace);
    expect(good.headers.get('fiware-correlator')).toBe('abc-1');
    const odd = await sut.fetch('/version', { headers: { traceparent: 'evil', 'fiware-correlator': 'a b' } });
    expect(odd.headers.get('x-trace-id')).toMatch(/^[0-9a-f]{32}$/);
    expect(odd.headers.get('fiware-correlator')).toBe(odd.headers.get('x-trace-id'));
  });

  test('breaks an answer off where it fails half way', async () => {
    await using sut = await startService(ThingModule);
    const whole = sut.fetch('/v1/things/abc/late').then((response) => response.text());
    await expect(whole).rejects.toThrow();
    expect((await sut.fetch('/health/live')).status).toBe(200);
  });
});
