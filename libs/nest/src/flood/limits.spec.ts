import { expect, test } from 'vitest';
import { startService } from '../../test/test-service.js';
import { problemOf, ThingModule } from '../../test/thing-module.js';

test('a caller gets so many answers a minute, whatever addresses its requests claim to come from', async () => {
  await using sut = await startService(ThingModule, { env: { PROXYLET_CATALOG_RATE_PER_PRINCIPAL: '3' } });
  const token = await sut.issuer.token();
  const statuses: number[] = [];
  for (let i = 0; i < 5; i += 1) {
    const headers = { 'x-forwarded-for': `198.51.100.${i}`, 'x-real-ip': `198.51.100.${i}` };
    statuses.push((await sut.fetch('/v1/things/abc', { token, headers })).status);
  }
  expect(statuses).toEqual([200, 200, 200, 429, 429]);
  const refused = await sut.fetch('/v1/things/abc', { token });
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  expect((await problemOf(refused)).code).toBe('too-many-requests');
  const other = await sut.issuer.token({ sub: 'bob' });
  expect((await sut.fetch('/v1/things/abc', { token: other })).status).toBe(200);
});

test('an address gets so many answers a minute; behind a trusted proxy each client counts by itself', async () => {
  const env = { PROXYLET_CATALOG_RATE_PER_ADDRESS: '2', PROXYLET_CATALOG_TRUSTED_PROXIES: '["127.0.0.1"]' };
  await using sut = await startService(ThingModule, { env });
  const ask = async (client: string) =>
    (await sut.fetch('/version', { headers: { 'x-forwarded-for': `203.0.113.99, ${client}` } })).status;
  expect([await ask('198.51.100.1'), await ask('198.51.100.1'), await ask('198.51.100.1')]).toEqual([
    200, 200, 429,
  ]);
  expect(await ask('198.51.100.2')).toBe(200);
  const headers = { 'x-forwarded-for': '198.51.100.1' };
  expect((await sut.fetch('/health/live', { headers })).status).toBe(200);
});

test('after too many bad tokens unknown ones are not looked at, and known ones are served on', async () => {
  await using sut = await startService(ThingModule, { env: { PROXYLET_CATALOG_REFUSALS_PER_ADDRESS: '5' } });
  const known = await sut.issuer.token();
  expect((await sut.fetch('/v1/things/abc', { token: known })).status).toBe(200);
  const statuses: number[] = [];
  for (let i = 0; i < 7; i += 1)
    statuses.push((await sut.fetch('/v1/things/abc', { token: `a.b.${i}` })).status);
  expect(statuses).toEqual([401, 401, 401, 401, 401, 429, 429]);
  expect((await sut.fetch('/v1/things/abc', { token: known })).status).toBe(200);
  expect(
    (await sut.fetch('/v1/things/abc', { token: await sut.issuer.token({ jti: 'other' }) })).status,
  ).toBe(429);
  expect((await sut.fetch('/health/live')).status).toBe(200);
});
