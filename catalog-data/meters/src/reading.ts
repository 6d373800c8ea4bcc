import { type Fault, Refusal } from '../../shared/problem.js';

export interface Reading {
  readonly household: string;
  /** Milliseconds since 1970. */
  readonly atMs: number;
  readonly wh: number;
}

export const maxReadings = 1000;
/** Text of one call, characters: 1 000 generous readings and their white space. */
export const maxBodyLength = 512 * 1024;
const maxFaults = 20;
const maxWh = 10_000_000;
const dayMs = 86_400_000;
const earliestMs = Date.UTC(2000, 0, 1);
const isoPattern = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:\d{2})$/;

/**
 * Reads the body of a POST: one reading, an array, or lines of JSON (`application/x-ndjson`). All or nothing: one
 * faulty reading refuses the call.
 *
 * @throws Refusal `invalid-json`, `invalid-readings`, `too-many-readings`
 */
export function parseReadings(text: string, isLines: boolean, nowMs: number): Reading[] {
  const values = isLines ? parseLines(text) : [parseJson(text)].flat(1);
  if (values.length === 0) throw new Refusal(400, 'invalid-readings', 'The call holds no reading.');
  if (values.length > maxReadings) {
    const detail = `A call holds at most ${maxReadings} readings; this one has ${values.length}.`;
    throw new Refusal(413, 'too-many-readings', detail);
  }
  const faults: Fault[] = [];
  const readings = values.map((value, i) => readingOf(value, `/${i}`, nowMs, faults));
  if (faults.length > 0) {
    const detail = `${faults.length} ${faults.length === 1 ? 'fault' : 'faults'}, nothing was stored; the first: ${faults[0]?.pointer} ${faults[0]?.detail}.`;
    throw new Refusal(400, 'invalid-readings', detail, faults.slice(0, maxFaults));
  }
  return readings;
}

function parseLines(text: string): unknown[] {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return lines.slice(0, maxReadings + 1).map(parseJson);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Refusal(400, 'invalid-json', 'The body is not JSON.');
  }
}

function readingOf(value: unknown, pointer: string, nowMs: number, faults: Fault[]): Reading {
  const fault = (member: string, detail: string): void => {
    faults.push({ pointer: pointer + member, detail });
  };
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    fault('', 'is not an object {household, at, wh}');
    return { household: '', atMs: 0, wh: 0 };
  }
  const { household, at, wh, ...others } = value as Record<string, unknown>;
  for (const other of Object.keys(others).slice(0, 1)) {
    fault(
      `/${other.slice(0, 40).replaceAll('~', '~0').replaceAll('/', '~1')}`,
      'is not a member of a reading',
    );
  }
  if (typeof household !== 'string' || !/^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/.test(household)) {
    fault('/household', 'is not a name of 1 to 64 letters, digits or . _ : -');
  }
  if (!Number.isSafeInteger(wh) || (wh as number) < 0 || (wh as number) > maxWh) {
    fault('/wh', `is not a whole number of watt-hours from 0 to ${maxWh}`);
  }
  const atMs = typeof at === 'number' ? at : parseTime(at);
  if (!Number.isSafeInteger(atMs))
    fault('/at', 'is neither ISO 8601 with an offset nor milliseconds since 1970');
  else if (atMs < earliestMs || atMs > nowMs + dayMs) fault('/at', 'is before 2000 or over a day ahead');
  return { household: household as string, atMs, wh: wh as number };
}

/** NaN for anything but ISO 8601 with an offset: a local time would be read differently on every gateway. */
export function parseTime(value: unknown): number {
  return typeof value === 'string' && isoPattern.test(value) ? Date.parse(value) : NaN;
}
