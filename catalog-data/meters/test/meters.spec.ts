import { beforeEach, describe, expect, it } from 'vitest';
import { KvDouble } from '../../tools/kv-double.js';
import meters from '../src/index.js';

interface Totals {
  readonly minHouseholds: number;
  readonly minutes: readonly { minute: string; wh: number; readings: number; households: number }[];
  readonly merged: readonly {
    from: string;
    to: string;
    minutes: number;
    wh: number;
    readings: number;
    households: number;
  }[];
  readonly withheld: { readonly minutes: number };
  readonly total: { readonly wh: number; readonly readings: number };
}

const start = Date.UTC(2026, 9, 5, 8, 0);
const minute = 60_000;
const context = { user: { subject: 'alice', issuer: '', roles: [] }, log: console };

let kv: KvDouble;
beforeEach(() => {
  kv = new KvDouble();
});

function call(path: string, init?: RequestInit, config?: unknown): Promise<Response> {
  const request = new Request(`https://gateway.test${path}`, init);
  return Promise.resolve(meters.fetch(request, { KV: kv, CONFIG: config }, context));
}

function post(body: unknown, type = 'application/json', config?: unknown): Promise<Response> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return call('/readings', { method: 'POST', body: text, headers: { 'content-type': type } }, config);
}

async function accept(body: unknown): Promise<{ accepted: number; duplicates: number }> {
  const response = await post(body);
  expect(response.status, await response.clone().text()).toBe(200);
  return (await response.json()) as { accepted: number; duplicates: number };
}

async function totals(query = '', config?: unknown): Promise<Totals> {
  const response = await call(`/totals${query}`, undefined, config);
  expect(response.status).toBe(200);
  return (await response.json()) as Totals;
}

function reading(household: number, atMs: number, wh = 10) {
  return { household: `house-${household}`, at: atMs, wh };
}

/** 1 000 readings of 20 households over 17 minutes. */
const thousand = Array.from({ length: 1000 }, (_, i) =>
  reading(i % 20, start + i * 1000, 1 + ((i * 7919) % 500)),
);
const thousandWh = thousand.reduce((sum, { wh }) => sum + wh, 0);

describe('demo/meters', () => {
  it('takes 1 000 readings in one call and totals them exactly, per minute and over all', async () => {
    expect(await accept(thousand)).toEqual({ accepted: 1000, duplicates: 0 });
    const { minutes, withheld, total } = await totals();
    expect(total).toEqual({ wh: thousandWh, readings: 1000 });
    expect(withheld).toEqual({ minutes: 0 });
    expect(minutes).toHaveLength(17);
    expect(minutes[3]).toEqual({
      minute: '2026-10-05T08:03:00.000Z',
      wh: thousand.slice(180, 240).reduce((sum, { wh }) => sum + wh, 0),
      readings: 60,
      households: 20,
    });
  });

  it('counts a reading sent again once, in the same call and in a later one', async () => {
    expect(await accept([...thousand.slice(0, 500), ...thousand.slice(0, 500)])).toEqual({
      accepted: 500,
      duplicates: 500,
    });
    expect(await accept(thousand)).toEqual({ accepted: 500, duplicates: 500 });
    expect((await totals()).total).toEqual({ wh: thousandWh, readings: 1000 });
  });

  it('loses nothing when calls change the same hour at once', async () => {
    const calls = Array.from({ length: 10 }, (_, i) => thousand.filter((_, at) => at % 10 === i));
    await Promise.all(calls.map(accept));
    expect((await totals()).total).toEqual({ wh: thousandWh, readings: 1000 });
  });

  it('gives up with 503 when others win every time, and a repeat is safe', async () => {
    const [one] = thousand;
    kv.beforePut = (key) => {
      const { version } = kv.entries.get(key) ?? { version: 0 };
      kv.entries.set(key, {
        value: '{"wh":{},"seen":{}}',
        version: version + 1,
        expiresAtMs: Infinity,
      });
    };
    const refused = await post(one);
    expect(refused.status).toBe(503);
    expect(await refused.json()).toMatchObject({ code: 'busy' });
    kv.beforePut = () => undefined;
    expect(await accept(one)).toEqual({ accepted: 1, duplicates: 0 });
  });

  it('takes one reading, and lines of JSON', async () => {
    expect(await accept({ household: 'a', at: '2026-10-05T10:00:30+02:00', wh: 5 })).toMatchObject({
      accepted: 1,
    });
    const lines = ['b', 'c'].map((household) => JSON.stringify({ household, at: start, wh: 7 })).join('\n');
    expect(await (await post(`${lines}\n\n`, 'application/x-ndjson')).json()).toMatchObject({ accepted: 2 });
    expect((await totals()).minutes).toEqual([
      { minute: '2026-10-05T08:00:00.000Z', wh: 19, readings: 3, households: 3 },
    ]);
  });

  it('forgets a minute after the days configured', async () => {
    let now = Date.now();
    kv = new KvDouble(() => now);
    await post(thousand, 'application/json', { keepDays: 2 });
    now += 2 * 86_400_000 - 1;
    expect((await totals()).total.readings).toBe(1000);
    now += 1;
    expect((await totals()).total.readings).toBe(0);
  });
});

describe('what totals give away', () => {
  it('never shows a figure of fewer households than configured', async () => {
    await accept([reading(1, start), reading(1, start + 5000), reading(2, start)]);
    expect(await totals()).toEqual({
      minHouseholds: 3,
      minutes: [],
      merged: [],
      withheld: { minutes: 1 },
      total: { wh: 0, readings: 0 },
    });
    expect((await totals('', { minHouseholds: 2 })).minutes).toHaveLength(1);
  });

  it('merges thin minutes into their hour, thin hours into their day', async () => {
    const hour = 60 * minute;
    const thin = [1, 2, 3].map((i) => reading(i, start + i * minute));
    const thinner = [1, 2, 3].map((i) => reading(i, start + (3 + i) * hour, 4));
    const tomorrow = reading(1, start + 24 * hour);
    await accept([...thin, ...thinner, tomorrow]);
    const { minutes, merged, withheld, total } = await totals();
    expect(minutes).toEqual([]);
    expect(merged).toEqual([
      {
        from: '2026-10-05T08:00:00.000Z',
        to: '2026-10-05T09:00:00.000Z',
        minutes: 3,
        wh: 30,
        readings: 3,
        households: 3,
      },
      {
        from: '2026-10-05T00:00:00.000Z',
        to: '2026-10-06T00:00:00.000Z',
        minutes: 3,
        wh: 12,
        readings: 3,
        households: 3,
      },
    ]);
    expect(withheld).toEqual({ minutes: 1 });
    expect(total).toEqual({ wh: 42, readings: 6 });
  });

  it('gives no minute away by the difference of two ranges', async () => {
    await accept([1, 2, 3, 4].map((i) => reading(i, start + i * minute, 10 ** i)));
    const ranges = Array.from({ length: 6 }, (_, i) => `?from=${start}&to=${start + i * minute + minute}`);
    const answers = await Promise.all(ranges.map((range) => totals(range)));
    expect(answers.map(({ total }) => total.wh)).toEqual([0, 0, 0, 0, 0, 0]);
    expect((await totals(`?from=${start}&to=${start + 60 * minute}`)).total.wh).toBe(11_110);
  });

  it('shows whole minutes of a range, whatever second is asked for', async () => {
    await accept(thousand);
    const { minutes } = await totals('?from=2026-10-05T10:01:30%2B02:00&to=2026-10-05T08:02:01Z');
    expect(minutes.map((row) => [row.minute, row.readings])).toEqual([
      ['2026-10-05T08:01:00.000Z', 60],
      ['2026-10-05T08:02:00.000Z', 60],
    ]);
  });

  it('names no household', async () => {
    await accept(thousand);
    expect(await (await call('/totals')).text()).not.toContain('house-');
  });
});

describe('what meters refuse', () => {
  it.each([
    ['no object', 7, '/0 is not an object {household, at, wh}'],
    ['a null', [null], '/0 is not an object {household, at, wh}'],
    ['a missing household', [{ at: start, wh: 1 }], '/0/household'],
    ['a household that is a path', [{ household: '__proto__', at: start, wh: 1 }], '/0/household'],
    ['a fraction of a watt-hour', [{ household: 'a', at: start, wh: 1.5 }], '/0/wh'],
    ['less than nothing', [{ household: 'a', at: start, wh: -1 }], '/0/wh'],
    ['a local time', [{ household: 'a', at: '2026-10-05T08:00:00', wh: 1 }], '/0/at'],
    ['a date that does not exist', [{ household: 'a', at: '2026-13-05T08:00:00Z', wh: 1 }], '/0/at'],
    ['the far future', [{ household: 'a', at: 9e14, wh: 1 }], '/0/at'],
    ['a member it does not know', [{ household: 'a', at: start, wh: 1, 'a/b': 1 }], '/0/a~1b'],
    ['nothing', [], 'no reading'],
  ])('%s', async (_, body, fault) => {
    const response = await post(body);
    expect(response.status).toBe(400);
    expect(response.headers.get('content-type')).toContain('application/problem+json');
    const problem = (await response.json()) as { code: string; detail: string };
    expect(problem.code).toBe('invalid-readings');
    expect(problem.detail).toContain(fault);
  });

  it('stores nothing of a call with one fault, and lists at most 20 faults', async () => {
    const response = await post([...thousand.slice(0, 900), ...Array.from({ length: 100 }, () => ({}))]);
    expect(((await response.json()) as { errors: unknown[] }).errors).toHaveLength(20);
    expect(kv.entries.size).toBe(0);
  });

  it('more than 1 000 readings', async () => {
    expect((await post([...thousand, thousand[0]])).status).toBe(413);
    const lines = `${JSON.stringify(thousand[0])}\n`.repeat(1001);
    expect((await post(lines, 'application/x-ndjson')).status).toBe(413);
  });

  it('a body that is too large, before it is read', async () => {
    const response = await post(' '.repeat(600_000));
    expect(await response.json()).toMatchObject({ status: 413, code: 'body-too-large' });
  });

  it('what is not JSON, and other types', async () => {
    expect(await (await post('{')).json()).toMatchObject({ status: 400, code: 'invalid-json' });
    expect(await (await post('a=1', 'text/plain')).json()).toMatchObject({ status: 415 });
  });

  it('ranges that are none', async () => {
    for (const query of ['?from=yesterday', '?to=2026-10-05', '?from=20000000&to=10000000']) {
      expect(await (await call(`/totals${query}`)).json()).toMatchObject({
        status: 400,
        code: 'invalid-range',
      });
    }
  });

  it('a range with more than it reads in one call', async () => {
    const hourly = Array.from({ length: 1001 }, (_, i) => reading(i, start - i * 60 * minute));
    await accept(hourly.slice(0, 1000));
    expect((await call('/totals')).status).toBe(200);
    await accept(hourly.slice(1000));
    expect(await (await call('/totals')).json()).toMatchObject({ status: 422, code: 'range-too-wide' });
    expect((await totals(`?from=${start}`)).withheld).toEqual({ minutes: 1 });
  });

  it('readings that the store has no room for, and keeps what it counted', async () => {
    kv.beforePut = () => {
      throw new DOMException('full', 'QuotaExceededError');
    };
    expect(await (await post(thousand)).json()).toMatchObject({ status: 507, code: 'storage-full' });
    kv.beforePut = () => undefined;
    expect(await accept(thousand)).toEqual({ accepted: 1000, duplicates: 0 });
  });

  it('other addresses and methods', async () => {
    expect((await call('/')).status).toBe(404);
    expect((await call('/readings')).headers.get('allow')).toBe('POST');
  });
});
