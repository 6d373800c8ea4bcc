import { beforeEach, expect, test } from 'vitest';
import { KvDouble } from '../../tools/kv-double.js';
import quarters from '../src/index.js';

const at = (text: string): number => Date.parse(`2026-10-05T${text}Z`);
const iso = (text: string): string => new Date(at(text)).toISOString();

let kv: KvDouble;
let published: unknown[];
let warned: unknown[];
let refuses: boolean;
beforeEach(() => {
  kv = new KvDouble();
  published = [];
  warned = [];
  refuses = false;
});

const env = () => ({
  KV: kv,
  TOPICS: {
    publish: (topic: string, message: unknown): Promise<void> => {
      if (refuses) return Promise.reject(new Error('no bus'));
      published.push([topic, message]);
      return Promise.resolve();
    },
  },
});
const ctx = {
  user: { subject: 'alice', issuer: '', roles: [] },
  log: { warn: (text: unknown) => void warned.push(text), info: () => undefined },
};

const hear = (value: unknown, time: string): Promise<void> =>
  quarters.message(
    { topic: 'meters.a1', timestamp: at(time), json: () => Promise.resolve(value) },
    env(),
    ctx,
  );
const run = (time: string): Promise<void> => quarters.scheduled({ scheduledTime: at(time) }, env());
const listed = async (): Promise<unknown> =>
  (
    (await (await quarters.fetch(new Request('https://gateway.test/'), env())).json()) as {
      quarters: unknown;
    }
  ).quarters;

test('adds readings to the quarter they were published in', async () => {
  await hear({ wh: 40 }, '08:00:00');
  await hear({ wh: 2 }, '08:14:59');
  await hear({ wh: 5 }, '08:15:00');
  expect(await listed()).toEqual([
    { from: iso('08:00:00'), wh: 42, messages: 2 },
    { from: iso('08:15:00'), wh: 5, messages: 1 },
  ]);
});

test('publishes a quarter once, after its end, and those that were missed in order', async () => {
  await hear({ wh: 1 }, '08:00:00');
  await hear({ wh: 2 }, '08:20:00');
  await hear({ wh: 3 }, '08:31:00');
  await run('08:45:00');
  await run('08:45:00');
  expect(published).toEqual(
    [
      ['08:00:00', '08:15:00', 1],
      ['08:15:00', '08:30:00', 2],
      ['08:30:00', '08:45:00', 3],
    ].map(([from, to, wh]) => [
      'totals.quarter',
      { from: iso(`${from}`), to: iso(`${to}`), wh, messages: 1 },
    ]),
  );
  await hear({ wh: 9 }, '08:50:00');
  await run('08:45:00');
  expect(published).toHaveLength(3);
});

test('a sum that could not be published is published by the next run', async () => {
  await hear({ wh: 1 }, '08:00:00');
  refuses = true;
  await expect(run('08:15:00')).rejects.toThrow('no bus');
  refuses = false;
  await run('08:30:00');
  expect(published).toHaveLength(1);
});

test('passes over what is no reading', async () => {
  for (const value of [null, 7, {}, { wh: -1 }, { wh: 1.5 }, { wh: '1' }, { wh: 10_000_001 }]) {
    await hear(value, '08:00:00');
  }
  expect([await listed(), warned.length]).toEqual([[], 7]);
});

test('loses no reading where two are handled at once', async () => {
  let isFirst = true;
  kv.beforePut = () => {
    if (!isFirst) return;
    isFirst = false;
    void hear({ wh: 10 }, '08:01:00');
  };
  await hear({ wh: 1 }, '08:00:00');
  await expect.poll(listed).toEqual([{ from: iso('08:00:00'), wh: 11, messages: 2 }]);
});
