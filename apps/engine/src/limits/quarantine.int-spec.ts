import { until } from '@proxylet/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestEngine } from '../../test/test-engine.js';

/** Ends its runner at /kill: a search that nothing inside can stop. */
const killer = (text: string): string => `export default { fetch(request) {
  if (new URL(request.url).pathname === '/kill') Array.prototype.indexOf.call({ length: 2 ** 53 - 1 }, 1);
  return new Response('${text}');
} };`;

let engine: TestEngine;
beforeAll(async () => {
  engine = await TestEngine.start({ PROXYLET_ENGINE_QUARANTINE_STRIKES: '2' });
  const limits = { cpuMs: 50, timeoutMs: 50_000 };
  engine.catalog.publish('acme/killer', '1.0.0', killer('one'), { limits });
  engine.catalog.publish('acme/killer', '1.0.1', killer('two'), { limits });
  engine.catalog.publish('acme/calm', '1.0.0', killer('calm'), { limits });
  for (const name of ['acme/killer', 'acme/calm']) {
    expect((await engine.install(name, { version: '1.0.0' })).status).toBe(201);
  }
});
afterAll(() => engine[Symbol.asyncDispose]());

const codeOf = async (path: string): Promise<unknown> => {
  const { status, text, body } = await engine.call('GET', `/run/acme/${path}`);
  return status === 200 ? text : body['code'];
};

interface View {
  readonly id: string;
  readonly state: string;
  readonly reason: string;
}
const installed = async (): Promise<View> =>
  (await engine.call<View>('GET', '/v1/installations/acme/killer')).body;

/** Groups of the runners that are in use. */
const groups = (): string[] => engine.core.parts.sandbox.runners().flatMap(({ group }) => group || []);

test('a version that ends its runner gets one of its own, then is stopped, and stays so', async () => {
  expect(await codeOf('killer/kill')).toBe('cpu-limit');
  expect(await codeOf('killer/')).toBe('one');
  expect(await codeOf('calm/')).toBe('calm');
  expect(groups().toSorted()).toEqual(['acme', 'acme/killer@1.0.0']);

  const calm = engine.core.parts.sandbox.runners().find(({ group }) => group === 'acme');
  expect(await codeOf('killer/kill')).toBe('cpu-limit');
  expect(await codeOf('killer/')).toBe('proxylet-quarantined');
  expect(engine.core.parts.sandbox.runners().map(({ pid }) => pid)).toContain(calm?.pid);
  const { state, reason } = await installed();
  expect([state, reason]).toEqual([
    'quarantined',
    '1.0.0 ended its process 2 times, at last by computing without an end',
  ]);
  const logs = await engine.call('GET', '/v1/installations/acme/killer/logs');
  expect(logs.text).toContain('Quarantined: 1.0.0 ended its process');
  expect((await engine.call('GET', '/metrics')).text).toMatch(/^proxylet_quarantined 1$/m);
  await until(
    async () => (await engine.core.parts.store.installations()).some((one) => one.state === state),
    {
      what: 'the quarantine is written down',
    },
  );
  await engine.restart();
  expect(await codeOf('killer/')).toBe('proxylet-quarantined');
  expect((await installed()).state).toBe('quarantined');
});

test('only an admin releases it', async () => {
  const { id } = await installed();
  const path = `/v1/admin/installations/${id}/release`;
  expect((await engine.call('POST', path)).status).toBe(403);
  const released = await engine.call<View>('POST', path, { token: engine.admin() });
  expect([released.status, released.body.state]).toEqual([200, 'idle']);
  expect(released.body.reason).toMatch(/^released from quarantine by /);
  expect(await codeOf('killer/')).toBe('one');
  expect((await engine.call('POST', path, { token: engine.admin() })).body).toMatchObject({ id });
  const unknown = '/v1/admin/installations/00000000-0000-4000-8000-000000000000/release';
  expect((await engine.call('POST', unknown, { token: engine.admin() })).status).toBe(404);
});

test('removing and installing it again does not release it, another version starts clean', async () => {
  expect(await codeOf('killer/kill')).toBe('cpu-limit');
  expect(await codeOf('killer/kill')).toBe('cpu-limit');
  expect((await installed()).state).toBe('quarantined');
  await engine.call('DELETE', '/v1/installations/acme/killer');
  const again = await engine.install('acme/killer', { version: '1.0.0' });
  expect([again.status, again.body['code']]).toEqual([503, 'proxylet-quarantined']);
  expect((await engine.install('acme/killer', { version: '1.0.1' })).status).toBe(201);
  expect(await codeOf('killer/')).toBe('two');
});
