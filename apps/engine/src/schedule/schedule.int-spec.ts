import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestEngine } from '../../test/test-engine.js';
import { ScheduleStore } from './schedule-store.js';

const code = `export default {
  fetch: async (request, env) => new Response(await env.KV.get('runs') ?? '[]'),
  async scheduled(event, env, ctx) {
    const runs = JSON.parse(await env.KV.get('runs') ?? '[]');
    runs.push([event.cron, event.scheduledTime, ctx.user.subject, env.CONFIG.word]);
    await env.KV.put('runs', JSON.stringify(runs));
    if (event.cron === '30 0 * * *') throw new TypeError('no tariff');
  },
};`;

let engine: TestEngine;
beforeAll(async () => {
  engine = await TestEngine.start({
    PROXYLET_ENGINE_SCHEDULE_JITTER_MS: '0',
    PROXYLET_ENGINE_SCHEDULE_WINDOW_MS: String(3 * 86_400_000),
  });
  const config = { properties: { word: { default: 'hello' } } };
  const more = { capabilities: ['kv'], schedule: ['0 * * * *', '30 0 * * *'], config };
  engine.catalog.publish('acme/cron', '1.0.0', code, more);
});
afterAll(() => engine[Symbol.asyncDispose]());

interface Item {
  readonly cron: string;
  readonly next: string;
  readonly last?: { readonly due: string; readonly outcome: string; readonly traceId: string };
}
const schedule = async (): Promise<readonly Item[]> =>
  (await engine.call<{ items: Item[] }>('GET', '/v1/installations/acme/cron/schedule')).body.items;
const runs = async () => JSON.parse((await engine.call('GET', '/run/acme/cron/')).text) as unknown[][];

const byText = (a: unknown[], b: unknown[]): number => String(a).localeCompare(String(b));
const stored = () => new ScheduleStore(join(engine.stateDir, 'schedule.sqlite'));

/** As after two days without the engine. */
async function sleepTwoDays(): Promise<void> {
  await engine.restart(() => {
    using store = stored();
    for (const state of store.all()) store.save({ ...state, dueMs: state.dueMs - 2 * 86_400_000 });
    return Promise.resolve();
  });
}

test('a schedule is asked of the user, and shown with its next times', async () => {
  const refused = await engine.install('acme/cron', {});
  expect(refused.body['code']).toBe('consent-required');
  expect(refused.text).toContain('run by itself at set times');
  expect((await engine.install('acme/cron')).body['permissions']).toMatchObject({
    capabilities: ['kv', 'schedule'],
  });
  const items = await schedule();
  expect(items.map(({ cron, last }) => [cron, last])).toEqual([
    ['0 * * * *', undefined],
    ['30 0 * * *', undefined],
  ]);
  expect(Date.parse(items[0]?.next ?? '') % 3_600_000).toBe(0);
  expect(Date.parse(items[0]?.next ?? '')).toBeGreaterThan(Date.now());
  const bob = engine.token('bob');
  const others = await engine.call('GET', '/v1/installations/acme/cron/schedule', { token: bob });
  expect(others.body['code']).toBe('not-installed');
});

test('after down time each line runs once, as the owner, and says how it went', async () => {
  await sleepTwoDays();
  await expect
    .poll(async () => (await schedule()).map(({ last }) => last?.outcome), { timeout: 30_000 })
    .toEqual(['ok', 'proxylet-threw']);
  const items = await schedule();
  expect((await runs()).toSorted(byText)).toEqual(
    items.map(({ cron, last }) => [cron, Date.parse(last?.due ?? ''), 'alice', 'hello']).toSorted(byText),
  );
  const log = (await engine.call('GET', '/v1/installations/acme/cron/logs')).text;
  expect(log).toContain('ended with proxylet-threw: TypeError: no tariff');
  expect(log).toContain(items[1]?.last?.traceId ?? 'a trace id');
  const metrics = (await engine.call('GET', '/metrics')).text;
  expect(metrics).toMatch(/^proxylet_scheduled_runs_total\{outcome="ok"\} 1$/m);
  expect(metrics).toMatch(/^proxylet_scheduled_runs_total\{outcome="proxylet-threw"\} 1$/m);
});

test('a restart alone runs nothing again', async () => {
  const before = await runs();
  await engine.restart();
  expect((await schedule()).map(({ last }) => last?.outcome)).toEqual(['ok', 'proxylet-threw']);
  expect(await runs()).toEqual(before);
});

test('without the grant nothing runs, and a removed installation leaves nothing', async () => {
  expect((await engine.install('acme/cron', { consent: { capabilities: ['kv'] } })).status).toBe(200);
  expect(await schedule()).toEqual([]);
  expect((await engine.call('DELETE', '/v1/installations/acme/cron')).status).toBe(204);
  using store = stored();
  expect(store.all()).toEqual([]);
});

test('a line that is no line is refused before anything is installed', () => {
  expect(() => engine.catalog.publish('acme/bad', '1.0.0', code, { schedule: ['* * * * * *'] })).toThrow(
    'must be five fields of a crontab, in UTC',
  );
});
