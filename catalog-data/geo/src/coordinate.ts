import { Refusal, type Fault } from '../../shared/problem.js';

export interface Coordinate {
  readonly lat: number;
  readonly lon: number;
}

/**
 * Reads `?lat=&lon=`, in degrees (WGS 84).
 *
 * @throws Refusal `invalid-coordinate`, with a fault for each parameter
 */
export function parseCoordinate(query: URLSearchParams): Coordinate {
  const faults: Fault[] = [];
  const lat = read(query, 'lat', 90, faults);
  const lon = read(query, 'lon', 180, faults);
  if (faults.length > 0) {
    const detail = `Give lat and lon in degrees, as in /?lat=48.85&lon=2.35: ${faults.map((fault) => `${fault.pointer} ${fault.detail}`).join(', ')}.`;
    throw new Refusal(400, 'invalid-coordinate', detail, faults);
  }
  return { lat, lon };
}

function read(query: URLSearchParams, name: string, limit: number, faults: Fault[]): number {
  const values = query.getAll(name);
  const text = values[0]?.trim() ?? '';
  const value = Number(text);
  const detail =
    values.length === 0
      ? 'is missing'
      : values.length > 1
        ? 'is given more than once'
        : !/^[+-]?\d{1,3}(?:\.\d{1,20})?$/.test(text)
          ? 'is not a decimal number'
          : Math.abs(value) > limit
            ? `is not between -${limit} and ${limit}`
            : undefined;
  if (detail !== undefined) faults.push({ pointer: name, detail });
  return value;
}
