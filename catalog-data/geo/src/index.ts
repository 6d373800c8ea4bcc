/*! SPDX-License-Identifier: Apache-2.0. Borders: Natural Earth (public domain), by way of world-atlas (ISC). */
import type { Handler } from '../../shared/handler.js';
import { allowMethods, json, Refusal, respond } from '../../shared/problem.js';
import { Borders, type PackedBorders } from './borders.js';
import packed from './borders-packed.js';
import { parseCoordinate } from './coordinate.js';

/** Borders do not move within a day: a client may keep an answer. */
const cacheable = { 'cache-control': 'private, max-age=86400' };

let borders: Borders | undefined;

function loadBorders(): Borders {
  return (borders ??= new Borders(JSON.parse(packed) as PackedBorders));
}

function countryAt(query: URLSearchParams): Response {
  const { lat, lon } = parseCoordinate(query);
  const found = loadBorders().find(lat, lon);
  return json(
    {
      country: found?.name ?? null,
      isoNumeric: found?.isoNumeric ?? null,
      ...(found !== undefined && found.distanceKm > 0 ? { distanceKm: found.distanceKm } : {}),
      lat,
      lon,
    },
    cacheable,
  );
}

const handler: Handler<unknown> = {
  fetch: (request) =>
    respond(() => {
      const url = new URL(request.url);
      if (url.pathname !== '/' && url.pathname !== '/countries') {
        throw new Refusal(404, 'not-found', 'There is /?lat=&lon= and /countries.');
      }
      allowMethods(request, 'GET', 'HEAD');
      return url.pathname === '/'
        ? countryAt(url.searchParams)
        : json({ countries: loadBorders().list() }, cacheable);
    }),
};

export default handler;
