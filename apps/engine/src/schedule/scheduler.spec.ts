import { Problem } from '@proxylet/contract';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Active } from '../installations/active.js';
import type { LineState } from './schedule-store.js';
import { type ScheduledRun, Scheduler } from './scheduler.js';

const at = (text: string): number => Date.parse(`2026-11-20T${text}Z`);

interface Open {
  readonly id: string;
  readonly run: ScheduledRun;
  readonly end: (problem?: Problem) => Promise<void>;
}

let nowMs: number;
let stored: Map<string, LineState>;
let open: Open[];
let begun: string[];
let skipped: string[];
let sut: Scheduler;

beforeEach(() => {
  nowMs = at('12:00:00');
  stored = new Map();
  open = [];
  begun = [];
  skipped = [];
  sut = make();
});
afterEach(() => sut[Symbol.dispose]());

function make(more: { jitterMs?: number; concurrency?: number } = {}): Scheduler {
  return new Scheduler({
    store: {
      all: () => [...stored.values()],
      save: (state) => void stored.set(`${state.installationId} ${state.cron}`, state),
      delete: (id, cron) => void stored.delete(`${id} ${cron}`),
    },
    run: ({ record }, run) => {
      begun.push(`${record.id} ${new Date(run.dueMs).toISOString().slice(11, 16)}`);
      const { promise, resolve } = Promise.withResolvers<Problem | undefined>();
      const end = async (problem?: Problem): Promise<void> => {
        open = open.filter((one) => one.run !== run);
        resolve(problem);
        await promise;
        await Promise.resolve();
      };
      open.push({ id: record.id, run, end });
      return promise;
    },
    onSkipped: ({ record }, cron, dueMs) =>
      skipped.push(`${record.id} ${cron} ${new Date(dueMs).toISOString().slice(11, 16)}`),
    onStoreFailure: (error) => {
      throw error;
    },
    newTraceId: () => 'a'.repeat(32),
    jitterMs: 0,
    windowMs: 3_600_000,
    concurrency: 10,
    now: () => nowMs,
    ...more,
  });
}

function installed(id: string, schedule: readonly string[], capabilities = ['schedule']): Active {
  return { record: { id, manifest: { schedule }, granted: { capabilities } } } as unknown as Active;
}

function time(text: string): void {
  nowMs = at(text);
  sut.look();
}

const endAll = async (): Promise<void> => {
  for (const one of open) await one.end();
};

test('runs at each time, and not when it is installed', async () => {
  sut.start([installed('a', ['*/5 * * * *'])]);
  expect(begun).toEqual([]);
  time('12:04:59');
  expect(begun).toEqual([]);
  time('12:05:00');
  await endAll();
  time('12:07:00');
  time('12:10:01');
  await endAll();
  expect(begun).toEqual(['a 12:05', 'a 12:10']);
  expect(sut.view('a')).toMatchObject([
    { cron: '*/5 * * * *', nextMs: at('12:15:00'), last: { outcome: 'ok', dueMs: at('12:10:00') } },
  ]);
});

test('without the grant nothing runs', () => {
  sut.start([installed('a', ['* * * * *'], ['kv'])]);
  time('12:05:00');
  expect([begun, sut.view('a')]).toEqual([[], []]);
});

test('a run that is still under way makes its next time be left out', async () => {
  sut.start([installed('a', ['* * * * *'])]);
  time('12:01:00');
  time('12:02:00');
  time('12:03:00');
  expect([begun, skipped]).toEqual([['a 12:01'], ['a * * * * * 12:02', 'a * * * * * 12:03']]);
  await endAll();
  time('12:04:00');
  expect(begun).toEqual(['a 12:01', 'a 12:04']);
  expect(sut.outcomes.get('skipped')).toBe(2);
  expect(sut.view('a')[0]?.skippedMs).toBe(at('12:03:00'));
});

test('two lines that are due together run one after the other', async () => {
  sut.start([installed('a', ['*/5 * * * *', '*/10 * * * *'])]);
  time('12:10:00');
  expect(begun).toEqual(['a 12:10']);
  await open[0]?.end();
  await expect.poll(() => begun).toEqual(['a 12:10', 'a 12:10']);
  expect(skipped).toEqual([]);
});

test('after down time each line runs once, for the latest time within the window', async () => {
  sut.start([installed('a', ['*/5 * * * *']), installed('b', ['0 6 * * *'])]);
  sut[Symbol.dispose]();
  nowMs = at('16:02:00');
  sut = make();
  sut.start([installed('a', ['*/5 * * * *']), installed('b', ['0 6 * * *'])]);
  await endAll();
  sut.look();
  expect(begun).toEqual(['a 16:00']);
});

test('a time is written down before it runs: a death in the middle does not run it again', () => {
  sut.start([installed('a', ['*/5 * * * *'])]);
  time('12:05:00');
  expect(begun).toEqual(['a 12:05']);
  sut[Symbol.dispose]();
  sut = make();
  sut.start([installed('a', ['*/5 * * * *'])]);
  expect(begun).toEqual(['a 12:05']);
  expect(sut.view('a')).toMatchObject([{ isRunning: false, last: { outcome: undefined } }]);
});

test('a clock that is set back runs nothing twice, one set back far goes on from there', async () => {
  sut.start([installed('a', ['*/5 * * * *'])]);
  time('12:05:00');
  await endAll();
  time('11:50:00');
  time('11:55:00');
  time('12:05:00');
  expect(begun).toEqual(['a 12:05']);
  time('12:10:00');
  await endAll();
  time('06:00:00');
  time('06:05:00');
  expect(begun).toEqual(['a 12:05', 'a 12:10', 'a 06:05']);
});

test('a clock that jumps ahead runs a line once', async () => {
  sut.start([installed('a', ['*/5 * * * *'])]);
  time('18:32:00');
  await endAll();
  time('18:33:00');
  expect(begun).toEqual(['a 18:30']);
});

test('an update keeps what a line has come to, and drops lines that are gone', async () => {
  sut.start([installed('a', ['*/5 * * * *', '0 * * * *'])]);
  time('12:05:00');
  await endAll();
  sut.change([installed('a', ['*/5 * * * *'])], []);
  expect(sut.view('a')).toMatchObject([{ cron: '*/5 * * * *', last: { dueMs: at('12:05:00') } }]);
  expect([...stored.keys()]).toEqual(['a */5 * * * *']);
  sut.change([], [installed('a', [])]);
  time('12:10:00');
  expect([begun, stored.size]).toEqual([['a 12:05'], 0]);
});

test('no more run at once than the engine allows', async () => {
  sut[Symbol.dispose]();
  sut = make({ concurrency: 2 });
  sut.start(['a', 'b', 'c', 'd'].map((id) => installed(id, ['* * * * *'])));
  time('12:01:00');
  expect(begun).toHaveLength(2);
  await endAll();
  await expect.poll(() => begun).toHaveLength(4);
});

test('ten thousand lines are planned and looked at in little time, and spread by their jitter', () => {
  sut[Symbol.dispose]();
  sut = make({ jitterMs: 30_000, concurrency: 20_000 });
  const startedMs = performance.now();
  sut.start(Array.from({ length: 10_000 }, (_, n) => installed(`i${n}`, ['* * * * *'])));
  nowMs = at('12:01:00');
  sut.look();
  const early = begun.length;
  nowMs = at('12:01:15');
  sut.look();
  const half = begun.length;
  nowMs = at('12:01:30');
  sut.look();
  expect(performance.now() - startedMs).toBeLessThan(20_000);
  expect(early).toBeLessThan(50);
  expect(half).toBeGreaterThan(4000);
  expect(half).toBeLessThan(6000);
  expect(begun).toHaveLength(10_000);
});

test('how a run ended is kept by its code', async () => {
  sut.start([installed('a', ['* * * * *'])]);
  time('12:01:00');
  await open[0]?.end(new Problem('time-limit', 'It took too long.'));
  await expect.poll(() => sut.view('a')[0]?.last?.outcome).toBe('time-limit');
  expect(sut.outcomes).toEqual(new Map([['time-limit', 1]]));
});
