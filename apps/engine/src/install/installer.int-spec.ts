import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Answer, TestEngine } from '../../test/test-engine.js';

const says = (text: string) => `export default { fetch: () => new Response(${JSON.stringify(text)}) };`;
const counter = `export default { async fetch(request, env, ctx) {
  const entry = Number((await env.KV.get('n')) ?? 0) + 1;
  await env.KV.put('n', String(entry));
  console.log('count', entry);
  return new Response(String(entry));
} };`;

let engine: TestEngine;
beforeEach(async () => {
  engine = await TestEngine.start({ PROXYLET_ENGINE_CATALOG_TIMEOUT_MS: '1000' });
});
afterEach(() => engine[Symbol.asyncDispose]());

const run = async (name: string, token?: string): Promise<string> =>
  (await engine.call('GET', `/run/${name}/`, { token })).text;

const codeOf = ({ status, body }: Answer) => [status, body['code']];

test('installs, answers, and is idempotent', async () => {
  engine.catalog.publish('acme/hello', '1.0.0', says('one'));
  const first = await engine.install('acme/hello');
  expect(first.status).toBe(201);
  expect(first.body).toMatchObject({
    name: 'acme/hello',
    version: '1.0.0',
    state: 'running',
    reason: 'installed',
    requestedBy: ['you'],
    limits: { memoryMb: 64, cpuMs: 1000, timeoutMs: 30_000 },
    url: `${engine.url}/run/acme/hello`,
  });
  expect(await run('acme/hello')).toBe('one');
  const again = await engine.install('acme/hello');
  expect([again.status, again.body]).toEqual([200, first.body]);
  expect(engine.catalog.downloads).toBe(1);
});

test('an exact version that is here needs no catalog', async () => {
  engine.catalog.publish('acme/hello', '1.0.0', says('one'));
  await engine.install('acme/hello');
  await engine.catalog[Symbol.asyncDispose]();
  expect((await engine.install('acme/hello', { version: '1.0.0' })).status).toBe(200);
  expect(codeOf(await engine.install('acme/hello'))).toEqual([503, 'catalog-unavailable']);
  expect(await run('acme/hello')).toBe('one');
});

test('asks for consent in words before anything is downloaded', async () => {
  const more = { capabilities: ['kv'], fetch: ['https://api.example.com'] };
  engine.catalog.publish('acme/counter', '1.0.0', counter, more);
  const asked = await engine.install('acme/counter', {});
  expect(codeOf(asked)).toEqual([409, 'consent-required']);
  expect(asked.body['asks']).toEqual([
    {
      proxylet: 'acme/counter',
      version: '1.0.0',
      kind: 'capabilities',
      value: 'kv',
      text: 'keep data of its own on this engine',
    },
    {
      proxylet: 'acme/counter',
      version: '1.0.0',
      kind: 'fetch',
      value: 'https://api.example.com',
      text: 'send and receive data at https://api.example.com',
    },
  ]);
  expect(engine.catalog.downloads).toBe(0);
  const partial = await engine.install('acme/counter', { consent: { capabilities: ['kv'] } });
  expect(partial.body['permissions']).toMatchObject({ capabilities: ['kv'], fetch: [] });
  expect(await run('acme/counter')).toBe('1');
});

test('a guest without the grant has no KV', async () => {
  engine.catalog.publish('acme/counter', '1.0.0', counter, { capabilities: ['kv'] });
  await engine.install('acme/counter', { consent: {} });
  expect(codeOf(await engine.call('GET', '/run/acme/counter/'))).toEqual([500, 'proxylet-threw']);
  const granted = await engine.install('acme/counter', { consent: true });
  expect([granted.status, granted.body['reason']]).toEqual([200, 'permissions or settings changed']);
  expect(await run('acme/counter')).toBe('1');
  expect(engine.catalog.downloads).toBe(1);
});

test('updates beside the running version and keeps its data', async () => {
  engine.catalog.publish('acme/counter', '1.0.0', counter, { capabilities: ['kv'] });
  await engine.install('acme/counter');
  expect(await run('acme/counter')).toBe('1');
  engine.catalog.publish('acme/counter', '1.1.0', counter.replace('String(entry))', '"v2 " + entry)'), {
    capabilities: ['kv'],
  });
  const updated = await engine.install('acme/counter', {});
  expect([updated.status, updated.body['reason'], updated.body['previousVersion']]).toEqual([
    200,
    'updated from 1.0.0',
    '1.0.0',
  ]);
  expect(await run('acme/counter')).toMatch(/2$/);
});

test('an update that cannot start leaves the old version answering', async () => {
  engine.catalog.publish('acme/hello', '1.0.0', says('one'));
  await engine.install('acme/hello');
  engine.catalog.publish('acme/hello', '1.1.0', 'throw new Error("at start")');
  expect(codeOf(await engine.install('acme/hello'))).toEqual([502, 'proxylet-invalid']);
  expect(await run('acme/hello')).toBe('one');
  const { body } = await engine.call('GET', '/v1/installations/acme/hello');
  expect(body['version']).toBe('1.0.0');
});

test('an update lets calls in flight end on the old version', async () => {
  const slow = `export default { async fetch(request) { if (request.url.endsWith('/slow')) await new Promise((r) => setTimeout(r, 600)); return new Response('old'); } };`;
  engine.catalog.publish('acme/hello', '1.0.0', slow);
  await engine.install('acme/hello');
  const inFlight = engine.call('GET', '/run/acme/hello/slow');
  await wait(100);
  engine.catalog.publish('acme/hello', '1.1.0', says('new'));
  await engine.install('acme/hello');
  expect(await run('acme/hello')).toBe('new');
  expect((await inFlight).text).toBe('old');
});

test('two users at once download an archive once and share no data', async () => {
  engine.catalog.publish('acme/counter', '1.0.0', counter, { capabilities: ['kv'] });
  const bob = engine.token('bob');
  const both = await Promise.all([
    engine.install('acme/counter'),
    engine.install('acme/counter'),
    engine.install('acme/counter', { consent: true }, bob),
  ]);
  expect(both.map(({ status }) => status)).toEqual([201, 201, 201]);
  expect(engine.catalog.downloads).toBe(1);
  expect([await run('acme/counter'), await run('acme/counter'), await run('acme/counter', bob)]).toEqual([
    '1',
    '2',
    '1',
  ]);
});

test('brings dependencies along and removes them with what needed them', async () => {
  engine.catalog.publish('acme/lib', '2.0.0', says('lib'));
  engine.catalog.publish('acme/app', '1.0.0', says('app'), { dependencies: { 'acme/lib': '^2' } });
  await engine.install('acme/app');
  const lib = await engine.call('GET', '/v1/installations/acme/lib');
  expect(lib.body['requestedBy']).toEqual(['acme/app']);
  const refused = await engine.call('DELETE', '/v1/installations/acme/lib');
  expect(codeOf(refused)).toEqual([409, 'in-use']);
  engine.catalog.publish('acme/lib', '3.0.0', says('lib 3'));
  const breaking = await engine.install('acme/lib', { version: '^3' });
  expect(codeOf(breaking)).toEqual([422, 'unresolvable']);
  expect(breaking.body['detail']).toContain('acme/app 1.0.0, which you have installed, needs acme/lib ^2');
  expect((await engine.call('DELETE', '/v1/installations/acme/app')).status).toBe(204);
  expect((await engine.call('GET', '/v1/installations')).body['items']).toEqual([]);
});

function versionsIn({ body }: { readonly body: Record<string, unknown> }): string[] {
  return (body['installations'] as { version: string }[]).map(({ version }) => version);
}

test('tells a refusal’s obstacles for machines, and keeps what is installed where that is preferred', async () => {
  engine.catalog.publish('acme/geo', '1.0.0', says('old'));
  engine.catalog.services.set('acme/maps', { 'acme/geo': '^1' });
  const initialize = (body: object) => engine.call('POST', '/v1/services/acme/maps/initialize', { body });
  expect((await initialize({})).status).toBe(200);
  engine.catalog.publish('acme/geo', '1.1.0', says('new'));
  expect(versionsIn(await initialize({ prefer: 'installed' }))).toEqual(['1.0.0']);
  expect(versionsIn(await initialize({}))).toEqual(['1.1.0']);
  engine.catalog.services.set('acme/maps', { 'acme/geo': '^2', 'acme/none': '*' });
  const refused = await initialize({});
  expect(codeOf(refused)).toEqual([422, 'unresolvable']);
  expect(refused.body['obstacles']).toMatchObject([
    { name: 'acme/geo', kind: 'no-version', range: '^2', nearest: '1.1.0' },
    { name: 'acme/none', kind: 'missing-name' },
  ]);
  expect((await initialize({ prefer: 'newest' })).body['code']).toBe('invalid-request');
});

test('removing erases data, so that a new installation starts empty', async () => {
  engine.catalog.publish('acme/counter', '1.0.0', counter, { capabilities: ['kv'] });
  const { body } = await engine.install('acme/counter');
  await run('acme/counter');
  const stale = await engine.call('DELETE', '/v1/installations/acme/counter', {
    headers: { 'if-match': '"other"' },
  });
  expect(codeOf(stale)).toEqual([412, 'precondition-failed']);
  expect((await engine.call('DELETE', '/v1/installations/acme/counter')).status).toBe(204);
  expect(codeOf(await engine.call('GET', '/run/acme/counter/'))).toEqual([404, 'not-installed']);
  expect(engine.core.parts.kv.usage(body['id'] as string)).toEqual({ bytes: 0, keys: 0 });
  const anew = await engine.install('acme/counter');
  expect([anew.status, anew.body['id'] === body['id']]).toEqual([201, false]);
  expect(await run('acme/counter')).toBe('1');
});

test('a service comes whole or not at all', async () => {
  engine.catalog.services.set('acme/suite', { 'acme/a': '*', 'acme/b': '*' });
  engine.catalog.publish('acme/a', '1.0.0', says('a1'));
  const b = engine.catalog.publish('acme/b', '1.0.0', 'throw new Error("at start")');
  const initialize = () =>
    engine.call('POST', '/v1/services/acme/suite/initialize', { body: { consent: true } });
  const failed = await initialize();
  expect(codeOf(failed)).toEqual([502, 'proxylet-invalid']);
  expect(failed.body['detail']).toContain('acme/b 1.0.0');
  expect((await engine.call('GET', '/v1/installations')).body['items']).toEqual([]);
  expect(b.manifest.name).toBe('acme/b');
  engine.catalog.publish('acme/b', '1.0.1', says('b'));
  const done = await initialize();
  expect(done.body).toMatchObject({ service: 'acme/suite', version: '1.0.0' });
  const list = done.body['installations'] as { name: string; requestedBy: string[] }[];
  expect(list.map(({ name, requestedBy }) => [name, requestedBy])).toEqual([
    ['acme/a', ['service acme/suite']],
    ['acme/b', ['service acme/suite']],
  ]);
  expect([await run('acme/a'), await run('acme/b')]).toEqual(['a1', 'b']);
});

test('tells of its progress as events', async () => {
  engine.catalog.publish('acme/hello', '1.0.0', says('one'));
  const { text } = await engine.call('PUT', '/v1/installations/acme/hello', {
    body: {},
    headers: { accept: 'text/event-stream' },
  });
  const stages = [...text.matchAll(/event: (\w+)\ndata: (.*)\n/g)].map(([, event, data]) => {
    const parsed = JSON.parse(data ?? '') as Record<string, unknown>;
    return parsed['stage'] ?? `${event} ${String(parsed['status'])}`;
  });
  expect(stages).toEqual([
    'resolving',
    'resolved',
    'fetching',
    'fetching',
    'verified',
    'starting',
    'installed',
    'done 201',
  ]);
  const refused = await engine.call('PUT', '/v1/installations/acme/none', {
    body: {},
    headers: { accept: 'text/event-stream' },
  });
  expect(refused.text).toContain('event: problem');
  expect(refused.text).toContain('"code":"unresolvable"');
});

test('a limit above the cap is refused with both numbers', async () => {
  engine.catalog.publish('acme/big', '1.0.0', says('x'), { limits: { memoryMb: 512 } });
  const refused = await engine.install('acme/big');
  expect(codeOf(refused)).toEqual([422, 'limit-above-cap']);
  expect(refused.body['detail']).toBe('acme/big 1.0.0 asks memoryMb 512, this engine gives 256.');
});

test('refuses what it would take and never do', async () => {
  engine.catalog.publish('acme/gpio', '1.0.0', says('x'), { capabilities: ['gpio'] });
  const refused = await engine.install('acme/gpio');
  expect(codeOf(refused)).toEqual([422, 'unresolvable']);
  expect(refused.body['detail']).toContain('gpio');
});

test('a shared proxylet is installed by who may, and called by everybody', async () => {
  engine.catalog.publish('acme/board', '1.0.0', counter, { scope: 'shared', capabilities: ['kv'] });
  expect(codeOf(await engine.install('acme/board'))).toEqual([403, 'insufficient-scope']);
  const admin = engine.admin();
  const done = await engine.install('acme/board', { consent: true }, admin);
  expect([done.status, done.body['scope']]).toEqual([201, 'shared']);
  const bob = engine.token('bob');
  expect([await run('acme/board'), await run('acme/board', bob)]).toEqual(['1', '2']);
  const removed = await engine.call('DELETE', '/v1/installations/acme/board', { token: bob });
  expect(removed.status).toBe(403);
  expect((await engine.install('acme/board', {}, bob)).status).toBe(200);
});

test('hands settings to the guest, checked against its schema', async () => {
  const code = `export default { fetch: (request, env) => Response.json(env.CONFIG) };`;
  const config = {
    type: 'object',
    additionalProperties: false,
    required: ['broker'],
    properties: { broker: { type: 'string' }, seconds: { type: 'integer', default: 5 } },
  };
  engine.catalog.publish('acme/conf', '1.0.0', code, { config });
  await engine.install('acme/conf');
  expect(await run('acme/conf')).toBe('{"seconds":5}');
  const wrong = await engine.install('acme/conf', { config: { seconds: 'x' } });
  expect(codeOf(wrong)).toEqual([400, 'invalid-request']);
  expect(wrong.body['errors']).toHaveLength(2);
  const configured = await engine.install('acme/conf', { config: { broker: 'b', seconds: 7 } });
  expect(configured.body['config']).toEqual({ broker: 'b', seconds: 7 });
  expect(JSON.parse(await run('acme/conf'))).toEqual({ broker: 'b', seconds: 7 });
  engine.catalog.publish('acme/conf', '1.1.0', code, { config });
  await engine.install('acme/conf');
  expect(JSON.parse(await run('acme/conf'))).toEqual({ broker: 'b', seconds: 7 });
});

test('after a restart without catalog and issuer, calls with tokens of before are answered', async () => {
  engine.catalog.publish('acme/counter', '1.0.0', counter, { capabilities: ['kv'] });
  await engine.install('acme/counter');
  const token = engine.token();
  expect(await run('acme/counter', token)).toBe('1');
  await engine.restart(async () => {
    await engine.catalog[Symbol.asyncDispose]();
    await engine.issuer[Symbol.asyncDispose]();
  });
  const idle = await engine.call('GET', '/v1/installations/acme/counter', { token });
  expect(idle.body['state']).toBe('idle');
  expect(await run('acme/counter', token)).toBe('2');
  const running = await engine.call('GET', '/v1/installations/acme/counter', { token });
  expect(running.body['state']).toBe('running');
});

test('gives the logs, replays them, and says what is missing', async () => {
  engine.catalog.publish('acme/counter', '1.0.0', counter, { capabilities: ['kv'] });
  await engine.install('acme/counter');
  await run('acme/counter');
  await run('acme/counter');
  await expect
    .poll(async () => {
      const { body } = await engine.call('GET', '/v1/installations/acme/counter/logs');
      return (body['items'] as { text: string }[]).map(({ text }) => text);
    })
    .toEqual(['count 1', 'count 2']);
  const { body } = await engine.call('GET', '/v1/installations/acme/counter/logs');
  const [first] = body['items'] as { id: string }[];
  const read = async (lastEventId: string): Promise<string> => {
    const response = await fetch(`${engine.url}/v1/installations/acme/counter/logs`, {
      headers: {
        authorization: `Bearer ${engine.token()}`,
        accept: 'text/event-stream',
        'last-event-id': lastEventId,
      },
    });
    let text = '';
    for await (const chunk of response.body ?? []) {
      text += Buffer.from(chunk).toString();
      if (text.includes('count 2')) break;
    }
    return text;
  };
  const after = await read(first?.id ?? '');
  expect(after).not.toContain('count 1');
  expect(after).not.toContain('event: gap');
  const restarted = await read('00000000-5');
  expect(restarted).toContain('event: gap\ndata: {"missed":null}');
  expect(restarted).toContain('count 1');
});

test('shows admins everything and nobody else', async () => {
  engine.catalog.publish('acme/hello', '1.0.0', says('one'));
  await engine.install('acme/hello');
  await engine.install('acme/hello', {}, engine.token('bob'));
  const admin = engine.admin();
  const first = await engine.call('GET', '/v1/admin/installations?limit=1', { token: admin });
  const [one] = first.body['items'] as { owner: { subject: string } }[];
  const cursor = first.body['nextCursor'] as string;
  const second = await engine.call('GET', `/v1/admin/installations?limit=1&cursor=${cursor}`, {
    token: admin,
  });
  const [two] = second.body['items'] as { owner: { subject: string } }[];
  expect([one?.owner.subject, two?.owner.subject, second.body['nextCursor']]).toEqual([
    'alice',
    'bob',
    undefined,
  ]);
  const runners = await engine.call('GET', '/v1/admin/runners', { token: admin });
  expect((runners.body['items'] as { group: string }[]).some(({ group }) => group === 'acme')).toBe(true);
  for (const path of ['/v1/admin/installations', '/v1/admin/runners', '/v1/admin/egress']) {
    expect((await engine.call('GET', path)).status).toBe(403);
    const scoped = engine.token('eve', 'engine:admin', ['user']);
    expect(codeOf(await engine.call('GET', path, { token: scoped }))).toEqual([403, 'forbidden']);
  }
});

test('describes itself to everybody', async () => {
  const response = await fetch(`${engine.url}/.well-known/proxylet-engine`);
  expect(await response.json()).toMatchObject({
    id: 'local',
    audience: 'urn:proxylet:engine:local',
    runtimes: [{ type: 'isolate', version: '1.0.0' }],
    capabilities: expect.arrayContaining(['kv', 'secrets']) as unknown,
    limits: { memoryMb: 256, cpuMs: 30_000, timeoutMs: 120_000, bodyBytes: 64 * 1024 * 1024 },
    issuers: [engine.issuer.url],
  });
});
