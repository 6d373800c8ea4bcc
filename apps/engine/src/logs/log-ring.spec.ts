import type { GuestLogEntry } from '@proxylet/sandbox';
import { expect, test } from 'vitest';
import { GuestLogs } from './guest-logs.js';
import { LogRing } from './log-ring.js';

function entry(text: string, more: Partial<GuestLogEntry> = {}): GuestLogEntry {
  return { atMs: 5, level: 'info', text, traceId: undefined, ...more };
}

test('keeps the last lines and says how many are gone', () => {
  const ring = new LogRing({ lines: 4, lineChars: 100, totalChars: 1000 });
  for (let i = 1; i <= 10; i += 1) ring.add(entry(`line ${i}`), '1.0.0', 5);
  const kept = ring.latest(100);
  expect(kept.at(-1)?.text).toBe('line 10');
  expect(kept.length).toBeLessThanOrEqual(4);
  const { lines, missed } = ring.since(2);
  expect(lines).toEqual(kept);
  expect(missed + lines.length).toBe(8);
  expect(ring.since(10)).toEqual({ lines: [], missed: 0 });
});

test('flood: neither long lines nor many of them take more than the bound', () => {
  const ring = new LogRing({ lines: 1000, lineChars: 100, totalChars: 1000 });
  for (let i = 0; i < 50; i += 1) ring.add(entry('x'.repeat(100_000)), '1.0.0', 5);
  const size = ring.latest(1000).reduce((sum, { text }) => sum + text.length, 0);
  expect(size).toBeLessThanOrEqual(1000);
  expect(ring.latest(1)[0]?.text).toBe(`${'x'.repeat(100)}… (100000 characters)`);
});

test('makes a forged level and time sound', () => {
  const ring = new LogRing();
  const line = ring.add(entry('x', { level: 'fatal' as never, atMs: 9e15 }), '1.0.0', 7);
  expect([line.level, line.atMs]).toEqual(['info', 7]);
});

test('gives new lines to who follows, until told to stop', () => {
  const ring = new LogRing();
  const seen: string[] = [];
  const stop = ring.follow(({ text }) => seen.push(text));
  ring.add(entry('a'), '1.0.0', 5);
  stop();
  ring.add(entry('b'), '1.0.0', 5);
  expect(seen).toEqual(['a']);
});

test('passes a bounded number of lines per second to the log of the engine', () => {
  const clock = { now: 1000 };
  const passed: string[] = [];
  const logs = new GuestLogs(
    (_, text) => passed.push(text),
    () => clock.now,
  );
  const source = { installationId: 'i', proxylet: 'a/b', version: '1.0.0' };
  logs.add(
    source,
    Array.from({ length: 100 }, (_, i) => entry(`${i}`)),
  );
  expect(passed).toHaveLength(20);
  clock.now += 1000;
  logs.add(source, [entry('next second')]);
  expect(passed.at(-1)).toBe('next second');
  expect(logs.ringOf('i').latest(1000)).toHaveLength(101);
});

test('replays everything it has to a reader from before a restart', () => {
  const logs = new GuestLogs(() => undefined);
  logs.add({ installationId: 'i', proxylet: 'a/b', version: '1.0.0' }, [entry('a'), entry('b')]);
  expect(logs.replay('i', `${logs.epoch}-1`).lines.map(({ text }) => text)).toEqual(['b']);
  expect(logs.isKnown('deadbeef-1')).toBe(false);
  expect(logs.replay('i', 'deadbeef-1').lines).toHaveLength(2);
  expect(logs.replay('i', `${logs.epoch}-x`).lines).toHaveLength(2);
});
