import { afterAll, beforeAll, expect, test } from 'vitest';
import { Problem } from '@proxylet/contract';
import { SandboxFixture } from '../../test/sandbox-fixture.js';
import type { Guest, GuestEvent, KvOperation } from '../types.js';

const written = new Map<string, string>();
let sandbox: SandboxFixture;
beforeAll(async () => {
  sandbox = await SandboxFixture.start({
    kv: (_, operation: KvOperation) => {
      if (operation.op === 'put') written.set(operation.key, Buffer.from(operation.value).toString());
      return { op: 'put', version: 1 };
    },
  });
});
afterAll(() => sandbox[Symbol.asyncDispose]());

const origin = () => ({
  signal: new AbortController().signal,
  traceId: 'a'.repeat(32),
  depth: 0,
  chain: [],
});
const due: GuestEvent = {
  ...origin(),
  kind: 'scheduled',
  cron: '*/5 * * * *',
  scheduledMs: 1_760_000_000_000,
};
const message = (text: string): GuestEvent => ({
  ...origin(),
  kind: 'message',
  id: 'm1',
  topic: 'meters.a1',
  publishedMs: 5,
  publisher: 'acme/meters',
  contentType: 'application/json',
  bytes: Buffer.from(text),
});

async function problemOf(guest: Guest, event: GuestEvent): Promise<string> {
  try {
    await sandbox.host.deliver(guest, event);
    return 'ok';
  } catch (error) {
    return error instanceof Problem ? `${error.code}: ${error.detail}` : String(error);
  }
}

test('a scheduled handler hears its line and the time it was due, as the owner', async () => {
  const guest = sandbox.guest(`export default { async scheduled(event, env, ctx) {
    await env.KV.put('run', JSON.stringify([event, ctx.user.subject, ctx.traceId]));
  } };`);
  expect(await problemOf(guest, due)).toBe('ok');
  expect(JSON.parse(written.get('run') ?? '')).toEqual([
    { cron: '*/5 * * * *', scheduledTime: 1_760_000_000_000 },
    'alice',
    'a'.repeat(32),
  ]);
});

test('a message handler reads its payload in every form', async () => {
  const guest = sandbox.guest(`export default { async message(event, env) {
    const { id, topic, timestamp, publisher, contentType } = event;
    const bytes = await event.bytes();
    const read = [await event.json(), await event.text(), bytes instanceof Uint8Array, bytes.length];
    await env.KV.put('message', JSON.stringify({ id, topic, timestamp, publisher, contentType, read }));
  } };`);
  expect(await problemOf(guest, message('{"wh":1}'))).toBe('ok');
  expect(JSON.parse(written.get('message') ?? '')).toEqual({
    id: 'm1',
    topic: 'meters.a1',
    timestamp: 5,
    publisher: 'acme/meters',
    contentType: 'application/json',
    read: [{ wh: 1 }, '{"wh":1}', true, 8],
  });
});

test('an event is over when its waitUntil work is', async () => {
  const guest = sandbox.guest(`export default { scheduled(event, env, ctx) {
    ctx.waitUntil((async () => {
      await new Promise((done) => setTimeout(done, 60));
      await env.KV.put('late', 'done');
    })());
  } };`);
  expect(await problemOf(guest, due)).toBe('ok');
  expect(written.get('late')).toBe('done');
});

test('what a handler throws, and a handler that is missing, are told apart', async () => {
  const throws = sandbox.guest(`export default { scheduled() { throw new TypeError('no tariff') } };`);
  expect(await problemOf(throws, due)).toBe('proxylet-threw: TypeError: no tariff');
  expect(await problemOf(throws, message(''))).toBe('handler-missing: The proxylet has no message handler.');
  expect((await sandbox.problem(throws)).code).toBe('handler-missing');
  const later = sandbox.guest(`export default { async scheduled() { await 1; throw new Error('later') } };`);
  expect(await problemOf(later, due)).toBe('proxylet-threw: Error: later');
  expect((await sandbox.problem(sandbox.guest('export default { other() {} };'))).code).toBe(
    'proxylet-invalid',
  );
});

test('events keep to the limits of a call', async () => {
  const loops = sandbox.guest('export default { scheduled() { for (;;); } };', { limits: { cpuMs: 50 } });
  expect(await problemOf(loops, due)).toMatch(/^cpu-limit/);
  const waits = sandbox.guest('export default { message() { return new Promise(() => {}) } };', {
    limits: { timeoutMs: 200 },
  });
  expect(await problemOf(waits, message(''))).toMatch(/^time-limit/);
});

test('a request cannot pass for an event', async () => {
  const guest = sandbox.guest(`export default {
    fetch: (request) => new Response('fetch ' + request.method), scheduled() { throw new Error('reached') },
  };`);
  expect((await sandbox.call(guest, { method: 'SCHEDULED' })).text).toBe('fetch SCHEDULED');
});
