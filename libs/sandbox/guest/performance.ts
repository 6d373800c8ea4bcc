import { cloneOf } from './clone.js';
import { DOMException } from './dom-exception.js';
import { EventTarget } from './events.js';
import { host } from './host.js';
import { setTimeline, tellObservers } from './performance-observer.js';
import { defineInterface, needArguments, toDictionary } from './webidl.js';

export { PerformanceObserver, PerformanceObserverEntryList } from './performance-observer.js';

const construct = Symbol('construct');
/** Older entries give way: a timeline is no place to keep things. */
const maxEntries = 1000;

/** Performance Timeline §3. */
export class PerformanceEntry {
  readonly #name: string;
  readonly #type: string;
  readonly #start: number;
  readonly #duration: number;

  constructor(token: symbol, name: string, type: string, start: number, duration: number) {
    if (token !== construct) throw new TypeError('Illegal constructor');
    this.#name = name;
    this.#type = type;
    this.#start = start;
    this.#duration = duration;
  }

  get name(): string {
    return this.#name;
  }
  get entryType(): string {
    return this.#type;
  }
  get startTime(): number {
    return this.#start;
  }
  get duration(): number {
    return this.#duration;
  }
  toJSON(): object {
    const { name, entryType, startTime, duration } = this;
    return { name, entryType, startTime, duration };
  }
}

/** User Timing §3.2. */
export class PerformanceMark extends PerformanceEntry {
  readonly #detail: unknown;

  constructor(name: string, options?: { startTime?: number; detail?: unknown }) {
    needArguments(arguments.length, 1, 'PerformanceMark');
    const { startTime, detail } = toDictionary(options, 'PerformanceMark');
    const at = startTime === undefined ? now() : timeOf(startTime);
    if (at < 0) throw new TypeError('a startTime is not negative');
    super(construct, String(name), 'mark', at, 0);
    this.#detail = copyOf(detail);
  }

  get detail(): unknown {
    return this.#detail;
  }
  override toJSON(): object {
    return { ...super.toJSON(), detail: this.#detail };
  }
}

/** User Timing §3.4. */
export class PerformanceMeasure extends PerformanceEntry {
  readonly #detail: unknown;

  constructor(token: symbol, name: string, start: number, duration: number, detail: unknown) {
    super(token, name, 'measure', start, duration);
    this.#detail = detail;
  }

  get detail(): unknown {
    return this.#detail;
  }
  override toJSON(): object {
    return { ...super.toJSON(), detail: this.#detail };
  }
}

function now(): number {
  return host().nowMs() - host().startedMs;
}

function timeOf(value: unknown): number {
  const time = Number(value);
  if (!Number.isFinite(time)) throw new TypeError('a time is a finite number');
  return time;
}

function copyOf(detail: unknown): unknown {
  return detail === undefined || detail === null ? null : cloneOf(detail);
}

interface MeasureOptions {
  start?: string | number;
  end?: string | number;
  duration?: number;
  detail?: unknown;
}

/** High Resolution Time §5 with User Timing; `now` has the resolution of the host's clock. */
export class Performance extends EventTarget {
  #entries: PerformanceEntry[] = [];

  constructor(token?: symbol) {
    if (token !== construct) throw new TypeError('Illegal constructor');
    super();
  }

  get timeOrigin(): number {
    void this.#entries;
    return host().startedMs;
  }

  now(): number {
    void this.#entries;
    return now();
  }

  mark(name: string, options?: { startTime?: number; detail?: unknown }): PerformanceMark {
    return this.#keep(new PerformanceMark(name, options));
  }

  measure(name: string, startOrOptions?: string | MeasureOptions, endMark?: string): PerformanceMeasure {
    const isObject = typeof startOrOptions === 'object' && startOrOptions !== null;
    const { start, end, duration, detail } = isObject ? startOrOptions : {};
    const hasOptions =
      start !== undefined || end !== undefined || duration !== undefined || detail !== undefined;
    if (hasOptions) {
      if (endMark !== undefined) throw new TypeError('options and an end mark exclude each other');
      if (start === undefined && end === undefined) throw new TypeError('a start or an end is missing');
      if (start !== undefined && end !== undefined && duration !== undefined) {
        throw new TypeError('start, end and duration exclude one another');
      }
    }
    const from = isObject || startOrOptions === null ? start : startOrOptions;
    const to = endMark ?? end;
    const until =
      to !== undefined
        ? this.#time(to)
        : start !== undefined && duration !== undefined
          ? this.#time(start) + timeOf(duration)
          : now();
    const since =
      from !== undefined
        ? this.#time(from)
        : duration !== undefined && end !== undefined
          ? this.#time(end) - timeOf(duration)
          : 0;
    return this.#keep(new PerformanceMeasure(construct, String(name), since, until - since, copyOf(detail)));
  }

  clearMarks(name?: string): void {
    this.#clear('mark', name);
  }

  clearMeasures(name?: string): void {
    this.#clear('measure', name);
  }

  getEntries(): PerformanceEntry[] {
    return this.#entries.toSorted((a, b) => a.startTime - b.startTime);
  }

  getEntriesByType(type: string): PerformanceEntry[] {
    const wanted = String(type);
    return this.getEntries().filter((entry) => entry.entryType === wanted);
  }

  getEntriesByName(name: string, type?: string): PerformanceEntry[] {
    const wanted = String(name);
    return this.getEntries().filter(
      (entry) => entry.name === wanted && (type === undefined || entry.entryType === String(type)),
    );
  }

  toJSON(): object {
    void this.#entries;
    return { timeOrigin: this.timeOrigin };
  }

  #keep<T extends PerformanceEntry>(entry: T): T {
    if (this.#entries.length >= maxEntries) this.#entries.shift();
    this.#entries.push(entry);
    tellObservers(entry);
    return entry;
  }

  #clear(type: string, name: string | undefined): void {
    const wanted = name === undefined ? undefined : String(name);
    this.#entries = this.#entries.filter(
      (entry) => entry.entryType !== type || (wanted !== undefined && entry.name !== wanted),
    );
  }

  #time(mark: string | number): number {
    if (typeof mark === 'number') {
      if (timeOf(mark) < 0) throw new TypeError('a time is not negative');
      return mark;
    }
    const name = String(mark);
    const found = this.#entries.findLast((entry) => entry.entryType === 'mark' && entry.name === name);
    if (found === undefined) throw new DOMException(`there is no mark ${name}`, 'SyntaxError');
    return found.startTime;
  }
}

defineInterface(PerformanceEntry, 'PerformanceEntry');
defineInterface(PerformanceMark, 'PerformanceMark', { constructor: 1 });
defineInterface(PerformanceMeasure, 'PerformanceMeasure', { constructor: 0 });
defineInterface(Performance, 'Performance', {
  mark: 1,
  measure: 1,
  getEntriesByType: 1,
  getEntriesByName: 1,
  constructor: 0,
});

export const performance = new Performance(construct);
setTimeline(() => performance);
