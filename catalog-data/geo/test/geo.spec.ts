import { beforeAll, describe, expect, it } from 'vitest';
import { importBundle } from '../../tools/import-bundle.js';
import type { Handler } from '../../shared/handler.js';
import { capitals } from './capitals.js';

let geo: Handler<unknown>;

beforeAll(async () => {
  geo = await importBundle<Handler<unknown>>('geo');
});

async function get(path: string, init?: RequestInit): Promise<{ response: Response; body: unknown }> {
  const context = { user: { subject: 'alice', issuer: '', roles: [] }, log: console };
  const response = await geo.fetch(new Request(`https://gateway.test${path}`, init), {}, context);
  const text = await response.text();
  return { response, body: text === '' ? undefined : JSON.parse(text) };
}

describe('demo/geo', () => {
  it('names the country of every capital', async () => {
    const answers = await Promise.all(
      capitals.map(async ([, lat, lon]) => (await get(`/?lat=${lat}&lon=${lon}`)).body),
    );
    expect(answers.map((answer) => (answer as { country: string }).country)).toEqual(
      capitals.map(([country]) => country),
    );
  });

  it('answers with code, distance and what was asked', async () => {
    expect((await get('/?lat=48.85&lon=2.35')).body).toEqual({
      country: 'France',
      isoNumeric: '250',
      lat: 48.85,
      lon: 2.35,
    });
    expect((await get('/?lat=38.72&lon=-9.14')).body).toMatchObject({ country: 'Portugal', distanceKm: 2.3 });
    expect((await get('/?lat=0&lon=0')).body).toEqual({ country: null, isoNumeric: null, lat: 0, lon: 0 });
  });

  it('lists the countries', async () => {
    const { body } = await get('/countries');
    expect((body as { countries: unknown[] }).countries).toHaveLength(241);
  });

  it.each([
    ['', ['lat is missing', 'lon is missing']],
    ['?lat=1', ['lon is missing']],
    ['?lat=91&lon=0', ['lat is not between -90 and 90']],
    ['?lat=0&lon=-180.5', ['lon is not between -180 and 180']],
    ['?lat=1&lat=2&lon=0', ['lat is given more than once']],
    ['?lat=NaN&lon=1e3', ['lat is not a decimal number', 'lon is not a decimal number']],
    ['?lat=&lon=0x10', ['lat is not a decimal number', 'lon is not a decimal number']],
  ])('refuses %j and names each fault', async (query, faults) => {
    const { response, body } = await get(`/${query}`);
    expect(response.status).toBe(400);
    expect(response.headers.get('content-type')).toContain('application/problem+json');
    const { code, errors } = body as { code: string; errors: { pointer: string; detail: string }[] };
    expect(code).toBe('invalid-coordinate');
    expect(errors.map(({ pointer, detail }) => `${pointer} ${detail}`)).toEqual(faults);
  });

  it('knows no other address and no other method', async () => {
    expect((await get('/elsewhere')).body).toMatchObject({ status: 404, code: 'not-found' });
    const { response, body } = await get('/?lat=1&lon=1', { method: 'POST' });
    expect(body).toMatchObject({ status: 405, code: 'method-not-allowed' });
    expect(response.headers.get('allow')).toBe('GET, HEAD');
  });
});
