import { calls } from './calls.js';
import { activeCall } from './current.js';
import { guestCaps, host } from './host.js';
import { cap, describeError, safeString } from './text.js';

type Level = 'debug' | 'info' | 'warn' | 'error';

const maxDepth = 4;
const maxEntries = 100;

function write(level: Level, values: readonly unknown[]): void {
  const text = cap(values.map((value) => show(value)).join(' '), guestCaps.logLineChars);
  const active = activeCall();
  const call = active === undefined ? undefined : calls.get(active.id);
  if (call === undefined) host().log(0, level, text);
  else call.log(level, text);
}

export function logger(): Record<Level, (...values: unknown[]) => void> {
  return Object.freeze({
    debug: (...values: unknown[]) => write('debug', values),
    info: (...values: unknown[]) => write('info', values),
    warn: (...values: unknown[]) => write('warn', values),
    error: (...values: unknown[]) => write('error', values),
  });
}

const counts = new Map<string, number>();
const starts = new Map<string, number>();

/** Console standard, as far as it means something without a screen. Each call is one line of the log. */
const members = {
  ...logger(),
  log: (...values: unknown[]): void => write('info', values),
  trace: (...values: unknown[]): void => write('debug', [...values, new Error('Trace').stack]),
  dir: (...values: unknown[]): void => write('info', values.slice(0, 1)),
  dirxml: (...values: unknown[]): void => write('info', values),
  table: (...values: unknown[]): void => write('info', values.slice(0, 1)),
  group: (...values: unknown[]): void => write('info', values),
  groupCollapsed: (...values: unknown[]): void => write('info', values),
  groupEnd: (): void => undefined,
  clear: (): void => undefined,
  assert(...values: unknown[]): void {
    const [condition, ...rest] = values;
    if (!condition) write('error', ['Assertion failed:', ...rest]);
  },
  count(label: unknown = 'default'): void {
    const name = labelOf(label);
    const count = (counts.get(name) ?? 0) + 1;
    remember(counts, name, count);
    write('info', [`${name}: ${count}`]);
  },
  countReset(label: unknown = 'default'): void {
    counts.delete(labelOf(label));
  },
  time(label: unknown = 'default'): void {
    remember(starts, labelOf(label), host().nowMs());
  },
  timeLog(label: unknown = 'default', ...values: unknown[]): void {
    const name = labelOf(label);
    write('info', [`${name}: ${elapsed(name)} ms`, ...values]);
  },
  timeEnd(label: unknown = 'default'): void {
    const name = labelOf(label);
    write('info', [`${name}: ${elapsed(name)} ms`]);
    starts.delete(name);
  },
};

/** A namespace object: its prototype is an empty object of its own. */
export const console = Object.create(
  {},
  {
    ...Object.getOwnPropertyDescriptors(members),
    [Symbol.toStringTag]: { value: 'console', configurable: true },
  },
) as typeof members;

const maxLabels = 1000;

function remember(map: Map<string, number>, label: string, value: number): void {
  if (map.size < maxLabels || map.has(label)) map.set(label, value);
}

function labelOf(label: unknown): string {
  if (typeof label === 'symbol') throw new TypeError('a label is text');
  return String(label);
}

function elapsed(label: string): number {
  return host().nowMs() - (starts.get(label) ?? host().nowMs());
}

/** A value in one bounded line, in the manner of a developer's console. */
function show(value: unknown, depth = 0): string {
  if (typeof value === 'string') return depth === 0 ? value : JSON.stringify(value);
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'function') return '[Function]';
  if (typeof value !== 'object' || value === null) return safeString(value);
  try {
    return showObject(value, depth);
  } catch {
    return '[Object]';
  }
}

function showObject(value: object, depth: number): string {
  if (value instanceof Error) {
    const { name, message, stack } = describeError(
      value,
      guestCaps.errorMessageChars,
      guestCaps.errorStackChars,
    );
    return stack === '' ? `${name}: ${message}` : stack;
  }
  if (value instanceof Date) return value.toISOString();
  if (depth >= maxDepth) return Array.isArray(value) ? '[Array]' : '[Object]';
  if (Array.isArray(value)) return `[ ${list(value, (item) => show(item, depth + 1))} ]`;
  if (value instanceof Map) {
    return `Map { ${list([...value], ([key, held]) => `${show(key, depth + 1)} => ${show(held, depth + 1)}`)} }`;
  }
  if (value instanceof Set) return `Set { ${list([...value], (item) => show(item, depth + 1))} }`;
  if (ArrayBuffer.isView(value)) return `${value.constructor.name}(${value.byteLength})`;
  return `{ ${list(Object.entries(value), ([key, held]) => `${key}: ${show(held, depth + 1)}`)} }`;
}

function list<T>(items: readonly T[], each: (item: T) => string): string {
  const shown = items.slice(0, maxEntries).map(each).join(', ');
  return items.length > maxEntries ? `${shown}, … ${items.length - maxEntries} more` : shown;
}
