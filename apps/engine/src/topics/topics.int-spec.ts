import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestEngine } from '../../test/test-engine.js';

/** Publishes the body of `POST /<topic>`; `GET /kinds` publishes one message of each kind. */
const says = `export default { async fetch(request, env) {
  const topic = new URL(request.url).pathname.slice(1);
  try {
    if (topic === 'kinds') {
      await env.TOPICS.publish('said.kind', 'text');
      await env.TOPICS.publish('said.kind', { wh: 1 });
      await env.TOPICS.publish('said.kind', [1, 2]);
      await env.TOPICS.publish('said.kind', new Uint8Array([1, 2, 255]));
      await env.TOPICS.publish('said.kind', new URLSearchParams({ a: 'b' }));
      await env.TOPICS.publish('said.kind', 7);
    } else await env.TOPICS.publish(topic, await request.text());
    return new Response('taken');
  } catch (error) { return new Response(error.name + ': ' + error.message) }
} };`;

const hears = `export default {
  fetch: async (request, env) => new Response(await env.KV.get('heard') ?? '[]'),
  async message(event, env, ctx) {
    if ((await event.text()) === '"throw"') throw new TypeError('not this one');
    const heard = JSON.parse(await env.KV.get('heard') ?? '[]');
    heard.push([event.topic, await event.text(), event.publisher, event.contentType, ctx.user.subject]);
    await env.KV.put('heard', JSON.stringify(heard));
  },
};`;

/** Answers each message with another one on the same topic. */
const echo = `export default { async message(event, env) {
  try { await env.TOPICS.publish('round.trip', await event.text() + '.') }
  catch (error) { console.log('ended: ' + error.message) }
} };`;

const kv = { capabilities: ['kv'] };

let engine: TestEngine;
const bob = () => engine.token('bob');
beforeAll(async () => {
  engine = await TestEngine.start({ PROXYLET_ENGINE_TOPIC_MAX_BYTES: '1000' });
  engine.catalog.publish('acme/says', '1.0.0', says, { topics: { publish: ['said.>'] } });
  engine.catalog.publish('acme/hears', '1.0.0', hears, {
    ...kv,
    topics: { subscribe: ['said.>', 'said.*'] },
  });
  engine.catalog.publish('acme/echo', '1.0.0', echo, {
    topics: { publish: ['round.trip'], subscribe: ['round.>'] },
  });
  engine.catalog.publish('acme/board', '1.0.0', says, { scope: 'shared', topics: { publish: ['said.all'] } });
  engine.catalog.publish('acme/spy', '1.0.0', hears, {
    ...kv,
    scope: 'shared',
    topics: { subscribe: ['>'] },
  });
  for (const name of ['acme/says', 'acme/hears', 'acme/echo']) {
    expect((await engine.install(name)).status).toBe(201);
  }
  expect((await engine.install('acme/hears', { consent: true }, bob())).status).toBe(201);
  for (const name of ['acme/board', 'acme/spy']) {
    expect((await engine.install(name, { consent: true }, engine.admin())).status).toBe(201);
  }
});
afterAll(() => engine[Symbol.asyncDispose]());

type Heard = [topic: string, text: string, publisher: string | null, contentType: string, user: string];

const heardBy = async (token?: string, name = 'acme/hears'): Promise<Heard[]> =>
  JSON.parse((await engine.call('GET', `/run/${name}/`, { token })).text) as Heard[];
const say = async (topic: string, text: unknown = 'x', name = 'acme/says', token?: string): Promise<string> =>
  (await engine.call('POST', `/run/${name}/${topic}`, { body: text, token })).text;

test('topics are asked of the user in words', async () => {
  const refused = await engine.install('acme/says', {}, engine.token('carol'));
  expect(refused.body['code']).toBe('consent-required');
  expect(refused.text).toContain('send messages to the topic said.>');
});

test('a message is heard once by the same owner, and by nobody else', async () => {
  expect(await say('said.a1', 'hello')).toBe('taken');
  await expect
    .poll(() => heardBy(), { timeout: 20_000 })
    .toEqual([['said.a1', '"hello"', 'acme/says', 'text/plain;charset=UTF-8', 'alice']]);
  expect(await heardBy(bob())).toEqual([]);
  expect(await heardBy(undefined, 'acme/spy')).toEqual([]);
});

test('what a shared proxylet sends is heard by everybody who listens', async () => {
  expect(await say('said.all', 'weather', 'acme/board', bob())).toBe('taken');
  for (const token of [engine.token(), bob()]) {
    await expect
      .poll(async () => (await heardBy(token)).at(-1)?.slice(0, 3), { timeout: 20_000 })
      .toEqual(['said.all', '"weather"', 'acme/board']);
  }
  await expect.poll(() => heardBy(undefined, 'acme/spy'), { timeout: 20_000 }).toHaveLength(1);
});

test('every kind of value arrives with its type, in order', async () => {
  const before = (await heardBy()).length;
  expect((await engine.call('GET', '/run/acme/says/kinds')).text).toBe('taken');
  await expect.poll(async () => (await heardBy()).length, { timeout: 20_000 }).toBe(before + 6);
  expect((await heardBy()).slice(before).map(([, text, , type]) => [text, type])).toEqual([
    ['text', 'text/plain;charset=UTF-8'],
    ['{"wh":1}', 'application/json'],
    ['[1,2]', 'application/json'],
    ['\u0001\u0002\ufffd', 'application/octet-stream'],
    ['a=b', 'application/x-www-form-urlencoded;charset=UTF-8'],
    ['7', 'application/json'],
  ]);
});

test('only what is granted, well-formed and small enough is taken', async () => {
  expect(await say('other.a')).toMatch(/^TypeError: Publishing to other\.a is not granted/);
  expect(await say('said.*')).toMatch(/^TypeError: .* is no topic/);
  expect(await say('said.b', 'x'.repeat(2000))).toBe(
    'QuotaExceededError: A message has at most 1000 bytes here.',
  );
  expect((await engine.install('acme/says', { consent: { topics: { publish: [] } } })).status).toBe(200);
  expect(await say('said.b')).toMatch(/^TypeError/);
  expect((await engine.install('acme/says')).status).toBe(200);
  expect(await say('said.b')).toBe('taken');
});

test('a circle of messages ends at its depth, and says who is in it', async () => {
  expect((await engine.call('POST', '/v1/topics/round.start', { body: 'go' })).status).toBe(202);
  const log = async () => (await engine.call('GET', '/v1/installations/acme/echo/logs')).text;
  await expect
    .poll(log, { timeout: 30_000 })
    .toContain('ended: call-cycle: calls and messages go round in a circle: acme/echo → acme/echo');
  expect((await log()).match(/ended:/g)).toHaveLength(1);
});

test('a handler that fails is told in its log and in the metrics, and goes on', async () => {
  expect(await say('said.c', 'throw')).toBe('taken');
  expect(await say('said.d', 'after')).toBe('taken');
  await expect.poll(async () => (await heardBy()).at(-1)?.[0], { timeout: 20_000 }).toBe('said.d');
  const log = (await engine.call('GET', '/v1/installations/acme/hears/logs')).text;
  expect(log).toContain('of said.c ended with proxylet-threw: TypeError: not this one');
  const metrics = (await engine.call('GET', '/metrics')).text;
  expect(metrics).toMatch(/^proxylet_topic_messages_total\{event="failed"\} 1$/m);
  expect(metrics).toMatch(/^proxylet_topic_messages_total\{event="published"\} \d+$/m);
});

test('programs outside publish and listen as their user', async () => {
  const cancel = new AbortController();
  const response = await fetch(`${engine.url}/v1/topics/${encodeURIComponent('said.>')}`, {
    headers: { authorization: `Bearer ${engine.token()}` },
    signal: cancel.signal,
  });
  expect([response.status, response.headers.get('content-type')]).toEqual([
    200,
    'text/event-stream; charset=utf-8',
  ]);
  let text = '';
  const reading = (async () => {
    for await (const chunk of response.body ?? []) text += Buffer.from(chunk).toString();
  })().catch(() => undefined);
  const other = await engine.call('POST', '/v1/topics/said.out', { body: { of: 'bob' }, token: bob() });
  const { body } = await engine.call('POST', '/v1/topics/said.out', { body: { of: 'alice' } });
  await expect.poll(() => text, { timeout: 20_000 }).toContain('"data":{"of":"alice"}');
  expect(text).toContain(`id: ${String(body['id'])}`);
  expect(text).not.toContain(String(other.body['id']));
  cancel.abort();
  await reading;
  for (const path of ['said.%3E', 'a..b']) {
    expect((await engine.call('POST', `/v1/topics/${path}`, { body: 1 })).status).toBe(400);
  }
  const big = await engine.call('POST', '/v1/topics/said.big', { body: 'x'.repeat(2000) });
  expect(big.body['code']).toBe('body-too-large');
  const scoped = engine.token('alice', 'engine:install');
  expect((await engine.call('POST', '/v1/topics/said.out', { body: 1, token: scoped })).status).toBe(403);
});
