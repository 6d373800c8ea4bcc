import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Steps of the data set's grid around the globe. */
const gridWidth = 99_999;

/**
 * Packs Natural Earth's borders (npm `world-atlas`, 1:50 million) for the bundle: about 340 kB of text that costs
 * nothing until the first question. Arcs stay delta-encoded and shared between neighbours, and are written in the
 * printable form known from encoded polylines: zigzag, five bits a character, from `?` on.
 */
export function packBorders() {
  const topology = JSON.parse(
    readFileSync(fileURLToPath(import.meta.resolve('world-atlas/countries-50m.json')), 'utf8'),
  );
  const { arcs, transform } = topology;
  const geometries = topology.objects.countries.geometries;
  const polygons = geometries.flatMap((geometry, country) =>
    polygonsOf(geometry, arcs, transform).map((members) => [country].concat(boxOf(members, arcs), members)),
  );
  return {
    ...transform,
    arcs: arcs.map(encodeArc),
    countries: geometries.map(({ id, properties }) => [
      longNames[properties.name] ?? properties.name,
      id ?? null,
    ]),
    // Smallest first: where a small state is drawn inside a large one, the first hit is the right one.
    polygons: polygons.toSorted((a, b) => areaOf(a) - areaOf(b)),
  };
}

/**
 * The arcs of each polygon. Crossing counts need neither ring nor direction, so the rings of one polygon are
 * merged. May append arcs.
 */
function polygonsOf({ type, arcs: members, properties }, arcs, transform) {
  if (properties.name === 'Vatican') return [[arcs.push(vaticanDisc(transform)) - 1]];
  const polygons = type === 'Polygon' ? [members] : members;
  return polygons.map((rings) => {
    const points = rings.map((ring) => pointsOf(ring, arcs));
    if (!points.some(crossesAntimeridian)) {
      return rings.flat().map((index) => (index < 0 ? ~index : index));
    }
    return points.map((ring) => arcs.push(deltasOf(unwrap(ring, transform))) - 1);
  });
}

/** The state is as wide as two steps of the grid and drawn 1.5 km off; a disc of 0.6 km stands in its place. */
function vaticanDisc({ scale, translate }) {
  const [lat, lon, km] = [41.9029, 12.4534, 0.6 / 111.195];
  const points = Array.from({ length: 9 }, (_, i) => {
    const angle = (i % 8) * (Math.PI / 4);
    const east = (km * Math.cos(angle)) / Math.cos((lat * Math.PI) / 180);
    return [
      Math.round((lon + east - translate[0]) / scale[0]),
      Math.round((lat + km * Math.sin(angle) - translate[1]) / scale[1]),
    ];
  });
  return deltasOf(points);
}

function pointsOf(ring, arcs) {
  return ring.flatMap((index, position) => {
    let [x, y] = [0, 0];
    const points = arcs[index < 0 ? ~index : index].map(([dx, dy]) => [(x += dx), (y += dy)]);
    if (index < 0) points.reverse();
    return position === 0 ? points : points.slice(1);
  });
}

function crossesAntimeridian(points) {
  return points.some(([x], i) => i > 0 && Math.abs(x - points[i - 1][0]) > gridWidth / 2);
}

/**
 * Lets a ring run on past 180 degrees instead of jumping to -180. A ring around a pole does not close that way:
 * it is led over the pole (the South Pole: no country holds the other).
 */
function unwrap(ring, { scale, translate }) {
  let shift = 0;
  const points = ring.map(([x, y], i) => {
    const step = i === 0 ? 0 : x - ring[i - 1][0];
    if (Math.abs(step) > gridWidth / 2) shift -= Math.sign(step) * gridWidth;
    return [x + shift, y];
  });
  const west = Math.min(...points.map(([x]) => x));
  const inGrid = points.map(([x, y]) => [west < 0 ? x + gridWidth : x, y]);
  if (shift === 0) return inGrid;
  const pole = Math.floor((-90 - translate[1]) / scale[1]) - 1;
  return [...inGrid, [inGrid.at(-1)[0], pole], [inGrid[0][0], pole], inGrid[0]];
}

function deltasOf(points) {
  return points.map(([x, y], i) => (i === 0 ? [x, y] : [x - points[i - 1][0], y - points[i - 1][1]]));
}

function areaOf([, x0, y0, x1, y1]) {
  return (x1 - x0) * (y1 - y0);
}

function boxOf(members, arcs) {
  const points = members.flatMap((index) => pointsOf([index], arcs));
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
}

function encodeArc(arc) {
  return arc.map(([dx, dy]) => encodeNumber(dx) + encodeNumber(dy)).join('');
}

function encodeNumber(value) {
  let rest = value < 0 ? ~(value << 1) : value << 1;
  let text = '';
  while (rest >= 0x20) {
    text += String.fromCharCode((0x20 | (rest & 0x1f)) + 63);
    rest >>= 5;
  }
  return text + String.fromCharCode(rest + 63);
}

/** The data set abbreviates names for maps; an answer spells them out, and uses names of today. */
const longNames = {
  'Antigua and Barb.': 'Antigua and Barbuda',
  'Ashmore and Cartier Is.': 'Ashmore and Cartier Islands',
  'Bosnia and Herz.': 'Bosnia and Herzegovina',
  'Br. Indian Ocean Ter.': 'British Indian Ocean Territory',
  'British Virgin Is.': 'British Virgin Islands',
  'Cayman Is.': 'Cayman Islands',
  'Central African Rep.': 'Central African Republic',
  Congo: 'Republic of the Congo',
  'Cook Is.': 'Cook Islands',
  'Dem. Rep. Congo': 'Democratic Republic of the Congo',
  'Dominican Rep.': 'Dominican Republic',
  'Eq. Guinea': 'Equatorial Guinea',
  eSwatini: 'Eswatini',
  'Faeroe Is.': 'Faroe Islands',
  'Falkland Is.': 'Falkland Islands',
  'Fr. Polynesia': 'French Polynesia',
  'Fr. S. Antarctic Lands': 'French Southern and Antarctic Lands',
  'Heard I. and McDonald Is.': 'Heard Island and McDonald Islands',
  'Indian Ocean Ter.': 'Indian Ocean Territories',
  Macao: 'Macau',
  Macedonia: 'North Macedonia',
  'Marshall Is.': 'Marshall Islands',
  'N. Cyprus': 'Northern Cyprus',
  'N. Mariana Is.': 'Northern Mariana Islands',
  'Pitcairn Is.': 'Pitcairn Islands',
  'S. Geo. and the Is.': 'South Georgia and the South Sandwich Islands',
  'S. Sudan': 'South Sudan',
  'Solomon Is.': 'Solomon Islands',
  'St-Barthélemy': 'Saint Barthélemy',
  'St-Martin': 'Saint Martin',
  'St. Kitts and Nevis': 'Saint Kitts and Nevis',
  'St. Pierre and Miquelon': 'Saint Pierre and Miquelon',
  'St. Vin. and Gren.': 'Saint Vincent and the Grenadines',
  'Turks and Caicos Is.': 'Turks and Caicos Islands',
  'U.S. Virgin Is.': 'United States Virgin Islands',
  'W. Sahara': 'Western Sahara',
  'Wallis and Futuna Is.': 'Wallis and Futuna',
};
