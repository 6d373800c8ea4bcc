import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { feature, type Ring } from 'topojson-client';
import { describe, expect, it } from 'vitest';
import { packBorders } from '../borders.mjs';
import { Borders } from '../src/borders.js';
import { capitals } from './capitals.js';

const packed = packBorders();
const borders = new Borders(packed);

describe('borders', () => {
  it.each(capitals)('puts the capital of %s where it lies', (country, lat, lon) => {
    expect(borders.find(lat, lon)?.name).toBe(country);
  });

  it.each([
    ['mid-Atlantic', 30, -40],
    ['North Sea', 56, 3],
    ['North Pole', 90, 0],
    ['Gulf of Guinea, where both are 0', 0, 0],
  ])('names nobody in the open sea: %s', (_, lat, lon) => {
    expect(borders.find(lat, lon)).toBeUndefined();
  });

  it.each([
    ['Russia', 66, 179.5],
    ['Russia', 67.5, -179.5],
    ['Russia', 66, 180],
    ['Russia', 66, -180],
    ['Russia', 71.2, -179.5],
    ['Fiji', -16.8, 180],
    ['Fiji', -16.8, -180],
    ['Antarctica', -90, 0],
    ['Antarctica', -89, -180],
    ['Antarctica', -89, 180],
    ['Antarctica', -80, 120],
  ])('is right about %s at the antimeridian and the pole: %d, %d', (country, lat, lon) => {
    expect(borders.find(lat, lon)?.name).toBe(country);
  });

  it('sees through the hole that a state leaves in the one around it', () => {
    expect(borders.find(-29.5, 28.2)?.name).toBe('Lesotho');
    expect(borders.find(-28.5, 26.5)?.name).toBe('South Africa');
  });

  it('says how far off the drawn coast a harbour lies, up to a limit', () => {
    expect(borders.find(38.72, -9.14)).toMatchObject({
      name: 'Portugal',
      distanceKm: expect.closeTo(2.3, 0),
    });
    expect(new Borders(packed, 1).find(38.72, -9.14)).toBeUndefined();
  });

  it('lists every country of the data once', () => {
    const countries = borders.list();
    expect(countries).toContainEqual({ name: 'France', isoNumeric: '250' });
    expect(countries).toContainEqual({ name: 'Kosovo', isoNumeric: null });
    expect(new Set(countries.map(({ name }) => name)).size).toBe(241);
  });

  it('agrees with the unpacked data wherever that has no cut line', () => {
    const outside = new Borders(packed, 0);
    const disagreeing = [...sampledPoints()].filter(
      ([lat, lon]) => (outside.find(lat, lon)?.isoNumeric ?? null) !== oracle(lat, lon),
    );
    expect(disagreeing).toEqual([]);
  });
});

/** The same points in every run, south of where raw rings jump over the antimeridian. */
function* sampledPoints(): Generator<[number, number]> {
  for (let i = 1; i <= 600; i += 1) {
    const [u, v] = [(i * 0.754877666) % 1, (i * 0.569840291) % 1];
    yield [-55 + 119 * u, -168 + 344 * v];
  }
}

const topology = JSON.parse(
  readFileSync(fileURLToPath(import.meta.resolve('world-atlas/countries-50m.json')), 'utf8'),
) as { readonly objects: { readonly countries: unknown } };
const { features } = feature(topology, topology.objects.countries);

/** The plain way: every ring of the data, in degrees. */
function oracle(lat: number, lon: number): string | null {
  const hit = features.find(({ geometry }) => {
    const polygons = geometry.type === 'Polygon' ? [geometry.coordinates] : geometry.coordinates;
    return polygons.some((rings) => rings.filter((ring) => isInRing(ring, lat, lon)).length % 2 === 1);
  });
  return hit?.id ?? null;
}

function isInRing(ring: Ring, lat: number, lon: number): boolean {
  let inside = false;
  for (const [i, [x1, y1]] of ring.entries()) {
    const [x0, y0] = ring.at(i - 1) ?? [x1, y1];
    if (y0 > lat !== y1 > lat && lon < x0 + ((lat - y0) * (x1 - x0)) / (y1 - y0)) inside = !inside;
  }
  return inside;
}
