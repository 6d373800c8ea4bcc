import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Answer, TestEngine } from '../../test/test-engine.js';

const code = `export default { async fetch(request, env) {
  const { pathname } = new URL(request.url);
  if (pathname === '/slow') await new Promise((done) => setTimeout(done, 300));
  if (pathname === '/log') console.log('the key is ' + env.SECRETS.API_KEY);
  return Response.json({ ...env.SECRETS, isFrozen: Object.isFrozen(env.SECRETS), keys: Object.keys(env.SECRETS) });
} };`;

let engine: TestEngine;
beforeAll(async () => {
  engine = await TestEngine.start();
  engine.catalog.publish('acme/keyed', '1.0.0', code, { secrets: ['API_KEY', 'OTHER', 'DENIED'] });
  engine.catalog.publish('acme/keyed', '1.1.0', code, { secrets: ['API_KEY'] });
  const body = { version: '1.0.0', consent: { secrets: ['API_KEY', 'OTHER'] } };
  expect((await engine.install('acme/keyed', body)).status).toBe(201);
});
afterAll(() => engine[Symbol.asyncDispose]());

const secretsPath = '/v1/installations/acme/keyed/secrets';
const put = (name: string, value: unknown, token?: string): Promise<Answer> =>
  engine.call('PUT', `${secretsPath}/${name}`, { body: { value }, token });
const seen = async () => (await engine.call('GET', '/run/acme/keyed/')).body;
const listed = async () => engine.call<{ items: Record<string, unknown>[] }>('GET', secretsPath);

test('a secret that is set is at hand from the next call on, and calls in flight end', async () => {
  expect(await seen()).toEqual({ isFrozen: true, keys: [] });
  const slow = engine.call('GET', '/run/acme/keyed/slow');
  await expect
    .poll(() => engine.core.parts.sandbox.runners().some(({ inFlight }) => inFlight > 0))
    .toBe(true);
  const set = await put('API_KEY', 'a-first-value');
  expect(set.status).toBe(200);
  expect(set.text).not.toContain('a-first-value');
  expect(set.body).toMatchObject({ name: 'API_KEY', isSet: true, isDeclared: true, isGranted: true });
  expect(await seen()).toEqual({ API_KEY: 'a-first-value', isFrozen: true, keys: ['API_KEY'] });
  const late = await slow;
  expect([late.status, late.body['keys']]).toEqual([200, []]);
});

test('names are listed with dates, values by nothing', async () => {
  await put('API_KEY', 'never-shown-anywhere');
  const { text, body } = await listed();
  expect(text).not.toContain('never-shown');
  expect(body.items.map(({ name, isSet, isGranted }) => [name, isSet, isGranted])).toEqual([
    ['API_KEY', true, true],
    ['OTHER', false, true],
    ['DENIED', false, false],
  ]);
  const others = ['/v1/installations/acme/keyed', '/v1/installations', '/metrics', '/health/ready'];
  for (const path of others) expect((await engine.call('GET', path)).text).not.toContain('never-shown');
  const admin = await engine.call('GET', '/v1/admin/installations', { token: engine.admin() });
  expect(admin.text).not.toContain('never-shown');
});

test('a log line that holds a value shows its name in place of it', async () => {
  await put('API_KEY', 'logged-by-mistake');
  await engine.call('GET', '/run/acme/keyed/log');
  const log = async () => (await engine.call('GET', '/v1/installations/acme/keyed/logs')).text;
  await expect.poll(log, { timeout: 10_000 }).toContain('the key is [secret API_KEY]');
  expect(await log()).not.toContain('logged-by-mistake');
});

test('nothing in the state folder holds a value', async () => {
  await put('API_KEY', 'not-on-the-disk-in-clear');
  const files = (await readdir(engine.stateDir)).filter((name) => /sqlite|^secrets/.test(name));
  expect(files).toEqual(expect.arrayContaining(['engine.sqlite', 'secrets.key']));
  for (const name of files) {
    expect((await readFile(join(engine.stateDir, name))).includes('not-on-the-disk-in-clear')).toBe(false);
  }
});

test('only what is declared and granted can be set, by whom it belongs to', async () => {
  expect((await put('UNKNOWN', 'x')).body['code']).toBe('not-found');
  expect((await put('DENIED', 'x')).body['code']).toBe('consent-required');
  expect((await put('API_KEY', 'x', engine.token('bob'))).body['code']).toBe('not-installed');
  expect((await put('lower', 'x')).status).toBe(400);
  const bad = await put('API_KEY', `secret-of-a-bad-request-${'x'.repeat(40_000)}`);
  expect(bad.status).toBe(400);
  expect(bad.text).not.toContain('secret-of-a-bad');
  for (const value of ['', 7, null, undefined, '\ud800'])
    expect((await put('OTHER', value)).status).toBe(400);
  expect((await engine.call('GET', `${secretsPath}/API_KEY`)).status).toBe(404);
});

test('a secret outlives restart, rotation and update, and ends with its removal', async () => {
  await put('OTHER', 'stays-with-us');
  const before = await readFile(join(engine.stateDir, 'secrets.key'), 'utf8');
  const path = '/v1/admin/secrets/rotate';
  expect((await engine.call('POST', path)).status).toBe(403);
  const rotated = await engine.call('POST', path, { token: engine.admin() });
  expect([rotated.status, rotated.body['secrets']]).toEqual([200, 2]);
  expect(await readFile(join(engine.stateDir, 'secrets.key'), 'utf8')).not.toBe(before);
  await engine.restart();
  expect(await seen()).toMatchObject({ OTHER: 'stays-with-us' });
  expect((await engine.install('acme/keyed', {})).body['version']).toBe('1.1.0');
  expect((await seen())['keys']).toEqual(['API_KEY']);
  expect((await listed()).body.items).toMatchObject([
    { name: 'API_KEY' },
    { name: 'OTHER', isDeclared: false },
  ]);
  expect((await engine.call('DELETE', `${secretsPath}/API_KEY`)).status).toBe(204);
  expect((await engine.call('DELETE', `${secretsPath}/API_KEY`)).body['code']).toBe('not-found');
  expect((await seen())['keys']).toEqual([]);
});

test('secrets go with their installation', async () => {
  await put('API_KEY', 'gone-with-it');
  expect((await engine.call('DELETE', '/v1/installations/acme/keyed')).status).toBe(204);
  expect(await engine.core.parts.store.secrets()).toEqual([]);
  expect((await engine.install('acme/keyed')).status).toBe(201);
  expect((await seen())['keys']).toEqual([]);
});

test('keys of the configuration are not shown, nor rotated by a route', async () => {
  const key = Buffer.alloc(32, 7).toString('base64');
  await using other = await TestEngine.start({ PROXYLET_ENGINE_SECRETS_KEY: key });
  const refused = await other.call('POST', '/v1/admin/secrets/rotate', { token: other.admin() });
  expect([refused.status, refused.body['code']]).toEqual([409, 'key-not-ours']);
  await expect(TestEngine.start({ PROXYLET_ENGINE_SECRETS_KEY: 'not-a-key-at-all' })).rejects.not.toThrow(
    /not-a-key-at-all/,
  );
});
