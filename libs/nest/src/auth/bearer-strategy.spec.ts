import { createRequire } from 'node:module';
import { Controller, Module } from '@nestjs/common';
import type { Principal, TokenVerifier } from '@proxylet/auth';
import { afterEach, expect, test, vi } from 'vitest';
import { startService } from '../../test/test-service.js';
import { Endpoint } from '../endpoint/endpoint.js';
import { CurrentPrincipal } from './access.js';
import { bearerStrategy } from './bearer-strategy.js';

const jsonwebtoken = createRequire(import.meta.url)('jsonwebtoken') as { verify: () => unknown };

@Controller('me')
class MeController {
  @Endpoint('GET', { summary: 'Who am I', scopes: ['catalog:read'] })
  me(@CurrentPrincipal() principal: Principal): { key: string } {
    return { key: principal.key };
  }
}

@Module({ controllers: [MeController] })
class MeModule {}

afterEach(() => {
  vi.restoreAllMocks();
});

test.each(['RS256', 'RS512', 'PS256', 'PS384', 'ES256', 'ES384', 'ES512'])(
  'both libraries agree on tokens signed with %s',
  async (alg) => {
    await using sut = await startService(MeModule, { alg });
    const response = await sut.fetch('/me', { token: await sut.issuer.token() });
    expect(await response.json()).toEqual({ key: `user|${sut.issuer.url}|alice` });
  },
);

test('the second library sees a token once, and only one that the first has accepted', async () => {
  await using sut = await startService(MeModule);
  const verify = vi.spyOn(jsonwebtoken, 'verify');
  const token = await sut.issuer.token();
  for (let i = 0; i < 3; i += 1) expect((await sut.fetch('/me', { token })).status).toBe(200);
  expect(verify).toHaveBeenCalledOnce();
  const [header, payload] = token.split('.');
  expect((await sut.fetch('/me', { token: `${header}.${payload}.AAAA` })).status).toBe(401);
  expect(verify).toHaveBeenCalledOnce();
});

test.each(['algorithms', 'issuers', 'audiences'] as const)('an empty list of %s fails the start', (list) => {
  const lists = { algorithms: ['RS256'], issuers: ['i'], audiences: ['a'] };
  const verifier = { ...lists, [list]: [] } as unknown as TokenVerifier;
  expect(() => bearerStrategy(verifier)).toThrow('would switch the check off');
});

test('a flood of bad tokens at once is refused and nothing hangs or ends', async () => {
  await using sut = await startService(MeModule);
  const good = await sut.issuer.token();
  const tokens = Array.from({ length: 100 }, (_, i) =>
    i % 10 === 0 ? good : `${good.slice(0, -4 - i)}AAAA`,
  );
  const statuses = await Promise.all(tokens.map(async (token) => (await sut.fetch('/me', { token })).status));
  expect(statuses.filter((status) => status === 200)).toHaveLength(10);
  expect(statuses.filter((status) => status === 401)).toHaveLength(90);
});
