/** What `borders.mjs` packs at build time. Coordinates are integers: degrees are `value * scale + translate`. */
export interface PackedBorders {
  readonly scale: readonly [number, number];
  readonly translate: readonly [number, number];
  readonly arcs: readonly string[];
  /** Name and ISO 3166-1 numeric code; the data has no code for a few disputed areas. */
  readonly countries: readonly (readonly [string, string | null])[];
  /** `[country, x0, y0, x1, y1, ...arcs]`, smallest first. */
  readonly polygons: readonly (readonly number[])[];
}

export interface Country {
  readonly name: string;
  readonly isoNumeric: string | null;
}

export interface Found extends Country {
  /** 0 inside the border; else the distance to the nearest coast drawn, kilometres. */
  readonly distanceKm: number;
}

const kmPerDegree = 111.195;
const arcsAt = 5;

/**
 * Finds the country of a coordinate. Arcs are decoded when a question first comes near them, so that a small
 * isolate stays small.
 */
export class Borders {
  private readonly decoded = new Map<number, Int32Array>();

  /** `coastKm`: how far off the drawn coast a point still counts, since 1:50 million rounds harbours away. */
  constructor(
    private readonly packed: PackedBorders,
    private readonly coastKm = 5,
  ) {}

  /** All countries by name. */
  list(): Country[] {
    return this.packed.countries
      .map(([name, isoNumeric]) => ({ name, isoNumeric }))
      .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** `lat` -90..90, `lon` -180..180, degrees (WGS 84); undefined for the open sea. */
  find(lat: number, lon: number): Found | undefined {
    return this.inside(lat, lon) ?? this.near(lat, lon);
  }

  private inside(lat: number, lon: number): Found | undefined {
    for (const [x, y] of this.onGrid(lat, lon)) {
      const hit = this.packed.polygons.find(
        (polygon) => isInBox(polygon, x, y, 0, 0) && this.contains(polygon, x, y),
      );
      if (hit !== undefined) return this.found(hit, 0);
    }
    return undefined;
  }

  private near(lat: number, lon: number): Found | undefined {
    const [scaleX, scaleY] = this.packed.scale;
    const kmX = scaleX * kmPerDegree * Math.max(Math.cos((lat * Math.PI) / 180), 1e-6);
    const kmY = scaleY * kmPerDegree;
    let best: readonly number[] | undefined;
    let bestKm = this.coastKm;
    for (const [x, y] of this.onGrid(lat, lon)) {
      for (const polygon of this.packed.polygons) {
        if (!isInBox(polygon, x, y, bestKm / kmX, bestKm / kmY)) continue;
        for (const arc of polygon.slice(arcsAt)) {
          const km = arcDistanceKm(this.arc(arc), x, y, kmX, kmY);
          if (km < bestKm) [best, bestKm] = [polygon, km];
        }
      }
    }
    return best === undefined ? undefined : this.found(best, Math.round(bestKm * 10) / 10);
  }

  /** The point, and once around the globe to either side: polygons may run on past 180 degrees. */
  private onGrid(lat: number, lon: number): [number, number][] {
    const { scale, translate } = this.packed;
    const y = (lat - translate[1]) / scale[1];
    return [lon, lon + 360, lon - 360].map((side) => [(side - translate[0]) / scale[0], y]);
  }

  /** Even-odd rule over all rings at once: a hole's border is crossed once more and takes the point out again. */
  private contains(polygon: readonly number[], x: number, y: number): boolean {
    let crossings = 0;
    for (let i = arcsAt; i < polygon.length; i += 1)
      crossings += crossingsOf(this.arc(polygon[i] ?? 0), x, y);
    return crossings % 2 === 1;
  }

  private arc(index: number): Int32Array {
    let arc = this.decoded.get(index);
    if (arc === undefined) {
      arc = decodeArc(this.packed.arcs[index] ?? '');
      this.decoded.set(index, arc);
    }
    return arc;
  }

  private found(polygon: readonly number[], distanceKm: number): Found {
    const [name, isoNumeric] = this.packed.countries[polygon[0] ?? 0] ?? ['', null];
    return { name, isoNumeric, distanceKm };
  }
}

/** Whether the polygon's box, widened by a margin, holds the point. */
function isInBox(polygon: readonly number[], x: number, y: number, dx: number, dy: number): boolean {
  const [, x0 = 0, y0 = 0, x1 = 0, y1 = 0] = polygon;
  return x >= x0 - dx && x <= x1 + dx && y >= y0 - dy && y <= y1 + dy;
}

/** How often a ray to the east crosses the arc. */
function crossingsOf(arc: Int32Array, x: number, y: number): number {
  let count = 0;
  let [x0 = 0, y0 = 0] = arc;
  for (let i = 2; i < arc.length; i += 2) {
    const [x1 = 0, y1 = 0] = [arc[i], arc[i + 1]];
    if (y0 > y !== y1 > y && x < x0 + ((y - y0) * (x1 - x0)) / (y1 - y0)) count += 1;
    [x0, y0] = [x1, y1];
  }
  return count;
}

/** Distance to the nearest segment on the local plane, fit for a few kilometres. */
function arcDistanceKm(arc: Int32Array, x: number, y: number, kmX: number, kmY: number): number {
  let best = Infinity;
  for (let i = 2; i < arc.length; i += 2) {
    const ax = ((arc[i - 2] ?? 0) - x) * kmX;
    const ay = ((arc[i - 1] ?? 0) - y) * kmY;
    const bx = ((arc[i] ?? 0) - x) * kmX - ax;
    const by = ((arc[i + 1] ?? 0) - y) * kmY - ay;
    const length = bx * bx + by * by;
    const t = length === 0 ? 0 : Math.min(1, Math.max(0, -(ax * bx + ay * by) / length));
    best = Math.min(best, Math.hypot(ax + t * bx, ay + t * by));
  }
  return best;
}

/** Undoes `encodeArc` of `borders.mjs`: x and y in turn, as absolute grid integers. */
function decodeArc(text: string): Int32Array {
  const values: number[] = [];
  let [value, shift] = [0, 0];
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i) - 63;
    value |= (code & 0x1f) << shift;
    shift += 5;
    if (code >= 0x20) continue;
    const delta = value & 1 ? ~(value >> 1) : value >> 1;
    values.push((values[values.length - 2] ?? 0) + delta);
    [value, shift] = [0, 0];
  }
  return Int32Array.from(values);
}
