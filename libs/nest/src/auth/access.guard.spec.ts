import { Controller, Get, Module, SetMetadata } from '@nestjs/common';
import { expect, test } from 'vitest';
import { startService } from '../../test/test-service.js';
import { problemOf, ThingModule } from '../../test/thing-module.js';
import { ACCESS, Public, RequireScopes } from './access.js';

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

test('goes on answering with the keys at hand while the identity manager is away', async () => {
  await using sut = await startService(ThingModule);
  expect((await sut.fetch('/v1/things/abc', { token: await sut.issuer.token() })).status).toBe(200);
  await sut.issuer.offline();
  const other = await sut.issuer.token({ sub: 'bob' });
  expect((await sut.fetch('/v1/things/abc', { token: other })).status).toBe(200);
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
