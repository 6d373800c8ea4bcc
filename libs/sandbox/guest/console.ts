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
export const console = {
  ...logger(),
  log: (...values: unknown[]): void => write('info', values),
  trace: (...values: unknown[]): void => write('debug', [...values, new Error('Trace').stack]),
  dir: (value: unknown): void => write('info', [value]),
  table: (value: unknown): void => write('info', [value]),
  group: (...values: unknown[]): void => write('info', values),
  groupCollapsed: (...values: unknown[]): void => write('info', values),
  groupEnd: (): void => undefined,
  clear: (): void => undefined,
  assert(condition: unknown, ...values: unknown[]): void {
    if (!condition) write('error', ['Assertion failed:', ...values]);
  },
  count(label = 'default'): void {
    const count = (counts.get(label) ?? 0) + 1;
    counts.set(label, count);
    write('info', [`${label}: ${count}`]);
  },
  countReset(label = 'default'): void {
    counts.delete(label);
  },
  time(label = 'default'): void {
    starts.set(label, host().nowMs());
  },
  timeLog(label = 'default', ...values: unknown[]): void {
    write('info', [`${label}: ${elapsed(label)} ms`, ...values]);
  },
  timeEnd(label = 'default'): void {
    write('info', [`${label}: ${elapsed(label)} ms`]);
    starts.delete(label);
  },
};

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
