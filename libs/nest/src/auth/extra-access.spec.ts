import { Controller, Module, Req } from '@nestjs/common';
import type { Principal } from '@proxylet/auth';
import { Problem } from '@proxylet/contract';
import type { FastifyRequest } from 'fastify';
import { expect, test } from 'vitest';
import { startService, type TestService } from '../../test/test-service.js';
import { problemOf, ThingModule } from '../../test/thing-module.js';
import { Endpoint } from '../endpoint/endpoint.js';
import { principalOf } from './access.js';
import { ExtraAccess, type OwnTokens } from './extra-access.js';

const principal: Principal = {
  type: 'user',
  key: 'user|i|olga',
  issuer: 'i',
  subject: 'olga',
  clientId: undefined,
  scopes: new Set(['catalog:read']),
  roles: [],
  tokenId: 't1',
  tenants: [],
  issuedAtMs: 0,
  expiresAtMs: 0,
  grant: { actions: new Set(['read']), resources: ['acme/*'] },
};

const ownTokens: OwnTokens = {
  prefix: 'own_',
  verify: (token, address) => {
    if (token === 'own_good' && address === '127.0.0.1') return Promise.resolve(principal);
    return Promise.reject(new Problem('token-expired', 'It has expired.'));
  },
};

@Controller('shelf')
class ShelfController {
  @Endpoint('GET open', { summary: 'Read', scopes: ['catalog:read'], anonymous: true })
  open(@Req() request: FastifyRequest): { who: string } {
    return { who: principalOf(request)?.key ?? 'nobody' };
  }

  @Endpoint('GET closed', { summary: 'Read', scopes: ['catalog:read'] })
  closed(@Req() request: FastifyRequest): { who: string } {
    return { who: principalOf(request)?.key ?? 'nobody' };
  }

  @Endpoint('GET written', { summary: 'Write', scopes: ['catalog:publish'] })
  written(): object {
    return {};
  }
}

function start(extra: ExtraAccess): Promise<TestService> {
  @Module({ controllers: [ShelfController], providers: [{ provide: ExtraAccess, useValue: extra }] })
  class ShelfModule {}
  return startService(ShelfModule);
}

test('takes tokens of the service itself where it is told how, and those of the IdM as before', async () => {
  await using sut = await start({ ownTokens, admitsAnonymous: false });
  const own = await sut.fetch('/shelf/closed', { token: 'own_good' });
  expect(await own.json()).toEqual({ who: 'user|i|olga' });
  const jwt = await sut.fetch('/shelf/closed', { token: await sut.issuer.token() });
  expect(await jwt.json()).toEqual({ who: `user|${sut.issuer.url}|alice` });
});

test('asks for the scopes of a token of its own too', async () => {
  await using sut = await start({ ownTokens, admitsAnonymous: false });
  const response = await sut.fetch('/shelf/written', { token: 'own_good' });
  expect([response.status, (await problemOf(response)).code]).toEqual([403, 'insufficient-scope']);
});

test('asks anew for each request, and passes the refusal on with a challenge', async () => {
  await using sut = await start({ ownTokens, admitsAnonymous: true });
  for (const path of ['/shelf/closed', '/shelf/open']) {
    const response = await sut.fetch(path, { token: 'own_bad' });
    expect([response.status, (await problemOf(response)).code]).toEqual([401, 'token-expired']);
    expect(response.headers.get('www-authenticate')).toContain('error="invalid_token"');
  }
});

test('a service without tokens of its own takes none', async () => {
  await using sut = await startService(ThingModule);
  const response = await sut.fetch('/v1/things/abc', { token: 'own_good' });
  expect([response.status, (await problemOf(response)).code]).toEqual([401, 'invalid-token']);
});

test.each([true, false])(
  'reads without a token where it is admitted (%s), and nothing else',
  async (admitsAnonymous) => {
    await using sut = await start({ ownTokens: undefined, admitsAnonymous });
    const open = await sut.fetch('/shelf/open');
    expect(open.status).toBe(admitsAnonymous ? 200 : 401);
    if (admitsAnonymous) expect(await open.json()).toEqual({ who: 'nobody' });
    expect((await sut.fetch('/shelf/closed')).status).toBe(401);
    expect((await sut.fetch('/shelf/open', { token: 'wrong' })).status).toBe(401);
  },
);
