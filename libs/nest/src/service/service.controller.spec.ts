import { Module } from '@nestjs/common';
import { expect, test } from 'vitest';
import { startService } from '../../test/test-service.js';
import { HealthChecks } from './health.js';

@Module({})
class EmptyModule {}

test('tells its version in the form FIWARE operators know', async () => {
  await using sut = await startService(EmptyModule, { env: { PROXYLET_GIT_HASH: 'abc123' } });
  expect(await (await sut.fetch('/version')).json()).toEqual({
    'proxylet-test': {
      version: '1.2.3',
      uptime: expect.stringMatching(/^0 d, 0 h, 0 m, \d+\.\d s$/),
      git_hash: 'abc123',
      release_date: 'unknown',
      doc: `${sut.url}/docs`,
      api: { version: 'v1', link: `${sut.url}/v1` },
    },
  });
});

test('is ready while every check passes and says what is down', async () => {
  await using sut = await startService(EmptyModule);
  const state = { isUp: true };
  sut.service.nest.get(HealthChecks).add('storage', () => {
    if (!state.isUp) throw new Error('the disk is full');
  });
  sut.service.nest.get(HealthChecks).tell('load', () => ({ calls: 3 }));
  const ready = await sut.fetch('/health/ready');
  expect([ready.status, await ready.json()]).toEqual([
    200,
    { status: 'ready', checks: { storage: { ok: true } }, details: { load: { calls: 3 } } },
  ]);
  state.isUp = false;
  const down = await sut.fetch('/health/ready');
  expect(down.status).toBe(503);
  expect(await down.json()).toMatchObject({
    code: 'not-ready',
    detail: 'Not ready: storage: the disk is full.',
    checks: { storage: { ok: false, reason: 'the disk is full' } },
  });
  expect((await sut.fetch('/health/live')).status).toBe(200);
});

test('counts requests by route pattern, so that labels stay few', async () => {
  await using sut = await startService(EmptyModule);
  await sut.fetch('/version');
  for (let i = 0; i < 5; i += 1) await sut.fetch(`/no/such/${i}`);
  const text = await (await sut.fetch('/metrics')).text();
  expect(text).toContain(
    'http_server_request_duration_seconds_count{method="GET",route="/version",status="200"} 1',
  );
  expect(text).toContain(
    'http_server_request_duration_seconds_count{method="GET",route="unmatched",status="404"} 5',
  );
  expect(text).not.toContain('/no/such');
});

test('the page of the API carries no script and its policy lets none run', async () => {
  await using sut = await startService(EmptyModule);
  const page = await sut.fetch('/docs');
  expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
  expect(page.headers.get('content-security-policy')).toMatch(/^default-src 'none'; style-src 'sha256-/);
  const html = await page.text();
  expect(html).toContain('/health/ready');
  expect(html).not.toMatch(/<script|https?:\/\/(?!127)/);
});

test('closes twice without complaint', async () => {
  await using sut = await startService(EmptyModule);
  await Promise.all([sut.service.close(), sut.service.close()]);
  await expect(sut.fetch('/version')).rejects.toThrow();
});
