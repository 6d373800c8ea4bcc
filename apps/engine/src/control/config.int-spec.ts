import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Answer, TestEngine } from '../../test/test-engine.js';

const code = `let calls = 0;
export default { async fetch(request, env) {
  if (request.url.includes('/slow')) await new Promise((done) => setTimeout(done, 300));
  calls += 1;
  return Response.json({ config: env.CONFIG, isFrozen: Object.isFrozen(env.CONFIG) });
} };`;

const config = {
  type: 'object',
  additionalProperties: false,
  properties: { broker: { type: 'string', maxLength: 20 }, maxAge: { type: 'integer', default: 5 } },
};

let engine: TestEngine;
beforeAll(async () => {
  engine = await TestEngine.start();
  engine.catalog.publish('acme/set', '1.0.0', code, { config });
  engine.catalog.publish('acme/plain', '1.0.0', code);
  engine.catalog.publish('acme/board', '1.0.0', code, { config, scope: 'shared' });
  for (const name of ['acme/set', 'acme/plain']) expect((await engine.install(name)).status).toBe(201);
  expect((await engine.install('acme/board', {}, engine.admin())).status).toBe(201);
});
afterAll(() => engine[Symbol.asyncDispose]());

const path = '/v1/installations/acme/set/config';
const put = (body: unknown, headers?: Record<string, string>): Promise<Answer> =>
  engine.call('PUT', path, { body, ...(headers === undefined ? {} : { headers }) });
const seen = async (): Promise<unknown> => (await engine.call('GET', '/run/acme/set/')).body['config'];

test('settings are read with their defaults and their schema', async () => {
  const { status, body, headers } = await engine.call('GET', path);
  expect([status, body]).toEqual([200, { config: null, effective: { maxAge: 5 }, schema: config }]);
  expect(headers.get('etag')).toMatch(/^"/);
});

test('the next call sees new settings, and calls in flight end with the old', async () => {
  const slow = engine.call('GET', '/run/acme/set/slow');
  await expect
    .poll(() => engine.core.parts.sandbox.runners().some(({ inFlight }) => inFlight > 0))
    .toBe(true);
  const done = await put({ config: { broker: 'b1' } });
  expect([done.status, done.body['effective']]).toEqual([200, { maxAge: 5, broker: 'b1' }]);
  expect((await engine.call('GET', '/run/acme/set/')).body).toEqual({
    config: { maxAge: 5, broker: 'b1' },
    isFrozen: true,
  });
  const late = await slow;
  expect([late.status, late.body['config']]).toEqual([200, { maxAge: 5 }]);
});

test('no call is lost while settings change again and again', async () => {
  const done = new AbortController();
  const answers: Answer[] = [];
  const calling = Array.from({ length: 4 }, async () => {
    while (!done.signal.aborted) answers.push(await engine.call('GET', '/run/acme/set/'));
  });
  for (let n = 1; n <= 8; n += 1) {
    expect((await put({ config: { maxAge: n } })).status).toBe(200);
    expect(await seen()).toEqual({ maxAge: n });
  }
  done.abort();
  await Promise.all(calling);
  expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
});

test('settings that do not fit change nothing and are pointed at', async () => {
  await put({ config: { broker: 'good' } });
  const refused = await put({ config: { broker: 'x'.repeat(21), maxAge: 1.5, more: 1 } });
  expect([refused.status, refused.body['code']]).toEqual([400, 'invalid-request']);
  expect(refused.body['errors']).toEqual([
    { pointer: '/body/config/maxAge', detail: 'must be integer' },
    { pointer: '/body/config/broker', detail: 'must be at most 20 characters' },
    { pointer: '/body/config/more', detail: 'is not a setting of this proxylet' },
  ]);
  expect(await seen()).toEqual({ maxAge: 5, broker: 'good' });
  const none = await engine.call('PUT', '/v1/installations/acme/plain/config', {
    body: { config: { a: 1 } },
  });
  expect(none.body['errors']).toEqual([{ pointer: '/body/config', detail: 'acme/plain takes no settings' }]);
});

test('If-Match keeps two writers from undoing one another', async () => {
  const etag = (await engine.call('GET', path)).headers.get('etag') ?? '';
  const first = await put({ config: { maxAge: 21 } }, { 'if-match': etag });
  const second = await put({ config: { maxAge: 22 } }, { 'if-match': etag });
  expect([first.status, second.status, second.body['code']]).toEqual([200, 412, 'precondition-failed']);
  const again = await put({ config: { maxAge: 21 } }, { 'if-match': first.headers.get('etag') ?? '' });
  expect(again.headers.get('etag')).toBe(first.headers.get('etag'));
  expect(await seen()).toEqual({ maxAge: 21 });
});

test('settings outlive the engine, and null goes back to the defaults', async () => {
  await put({ config: { maxAge: 33 } });
  await engine.restart();
  expect(await seen()).toEqual({ maxAge: 33 });
  expect((await put({ config: null })).body['config']).toBeNull();
  expect(await seen()).toEqual({ maxAge: 5 });
});

test("nobody changes another's settings, nor those of a shared proxylet without the right to", async () => {
  const body = { config: { maxAge: 1 } };
  const bob = engine.token('bob');
  expect((await engine.call('PUT', path, { body, token: bob })).body['code']).toBe('not-installed');
  expect((await engine.call('GET', path, { token: bob })).body['code']).toBe('not-installed');
  const board = '/v1/installations/acme/board/config';
  expect((await engine.call('PUT', board, { body, token: bob })).status).toBe(403);
  expect((await engine.call('PUT', board, { body, token: engine.admin() })).status).toBe(200);
});
