import { expect, test } from 'vitest';
import { startService } from '../../test/test-service.js';
import { problemOf, ThingModule } from '../../test/thing-module.js';

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
