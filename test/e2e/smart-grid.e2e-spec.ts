import { describe, expect, it } from 'vitest';
import { capitals } from '../fixtures/capitals.js';
import { type Reading, sumsByMinute, thousandReadings } from '../fixtures/readings.js';
import { expectProblem } from '../support/problem.js';
import { useStack } from '../support/use-stack.js';

interface Totals {
  readonly minutes: { minute: string; wh: number; readings: number; households: number }[];
  readonly withheld: { minutes: number };
  readonly total: { wh: number; readings: number };
}

const suite = useStack({ withSampleData: true });
const dayMs = 86_400_000;
const readings = thousandReadings(Math.floor(Date.now() / dayMs) * dayMs - dayMs);

function post(batch: readonly Reading[]): Promise<Response> {
  return suite.stack.run('alice', 'demo/meters', '/readings', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(batch),
  });
}

async function totalsOf(user: 'alice' | 'bob'): Promise<Totals> {
  const response = await suite.stack.run(user, 'demo/meters', '/totals');
  expect(response.status).toBe(200);
  return (await response.json()) as Totals;
}

describe('demo/smart-grid through the engine', () => {
  it('is installed for alice as a whole by one call', async () => {
    const answer = (await suite.stack.initialize('alice', 'demo/smart-grid')) as {
      installations: { name: string; state: string }[];
    };
    expect(answer.installations.map(({ name }) => name).toSorted()).toEqual(['demo/geo', 'demo/meters']);
  });

  it('gives totals that equal a sum made outside, for a thousand readings posted four at a time', async () => {
    const batches = Array.from({ length: 50 }, (_, i) => readings.filter((__, n) => n % 50 === i));
    for (let i = 0; i < batches.length; i += 4) {
      const answers = await Promise.all(batches.slice(i, i + 4).map((batch) => post(batch)));
      for (const answer of answers) expect(await answer.json()).toEqual({ accepted: 20, duplicates: 0 });
    }
    const { minutes, withheld, total } = await totalsOf('alice');
    const sums = sumsByMinute(readings);
    expect(new Map(minutes.map(({ minute, wh, readings }) => [minute, { wh, readings }]))).toEqual(sums);
    expect(total).toEqual({ wh: readings.reduce((sum, { wh }) => sum + wh, 0), readings: 1000 });
    expect(withheld.minutes).toBe(0);
  });

  it('names the country of twenty capitals', async () => {
    const named = await Promise.all(
      capitals.map(async ([, lat, lon]) => {
        const response = await suite.stack.run('alice', 'demo/geo', `/?lat=${lat}&lon=${lon}`);
        return ((await response.json()) as { country: string }).country;
      }),
    );
    expect(named).toEqual(capitals.map(([country]) => country));
  });

  it('keeps its totals when the engine is killed and started again', async () => {
    const before = await totalsOf('alice');
    await suite.stack.engine.kill();
    await suite.stack.engine.start();
    expect(await totalsOf('alice')).toEqual(before);
  });
});

describe('bob, beside alice', () => {
  it('gets 404 for her installations', async () => {
    const { stack } = suite;
    for (const name of ['demo/meters', 'demo/geo']) {
      await expectProblem(await stack.run('bob', name), 'not-installed');
      const answer = await fetch(`${stack.engine.url}/v1/installations/${name}`, {
        headers: { authorization: await stack.bearer('bob', 'engine') },
      });
      await expectProblem(answer, 'not-found', 'not-installed');
    }
    const url = `${stack.engine.url}/v1/installations`;
    expect(await stack.send('GET', url, 'bob', 'engine')).toEqual({ items: [] });
  });

  it('cannot take hers away', async () => {
    const { stack } = suite;
    const answer = await fetch(`${stack.engine.url}/v1/installations/demo/geo`, {
      method: 'DELETE',
      headers: { authorization: await stack.bearer('bob', 'engine') },
    });
    await expectProblem(answer, 'not-found', 'not-installed');
    expect((await stack.run('alice', 'demo/geo', '/?lat=0&lon=0')).status).toBe(200);
  });

  it('sees none of her data in an installation of his own', async () => {
    await suite.stack.initialize('bob', 'demo/smart-grid');
    expect(await totalsOf('bob')).toMatchObject({ minutes: [], total: { wh: 0, readings: 0 } });
    expect((await totalsOf('alice')).total.readings).toBe(1000);
  });
});

describe('demo/quarters through the engine', () => {
  it('hears what its owner publishes, and says when it runs', async () => {
    const { stack } = suite;
    await stack.install('alice', 'demo/quarters', { consent: true });
    const topic = `${stack.engine.url}/v1/topics/meters.a1`;
    for (const wh of [40, 2]) await stack.send('POST', topic, 'alice', 'engine', { wh });
    await stack.send('POST', topic, 'bob', 'engine', { wh: 1000 });
    const rows = async (): Promise<{ wh: number }[]> => {
      const response = await stack.run('alice', 'demo/quarters');
      return ((await response.json()) as { quarters: { wh: number }[] }).quarters;
    };
    const sum = async (): Promise<number> => (await rows()).reduce((total, { wh }) => total + wh, 0);
    await expect.poll(sum, { timeout: 30_000 }).toBe(42);
    const url = `${stack.engine.url}/v1/installations/demo/quarters/schedule`;
    const { items } = (await stack.send('GET', url, 'alice', 'engine')) as { items: { next: string }[] };
    expect(Date.parse(items[0]?.next ?? '') % 900_000).toBe(0);
  });
});
