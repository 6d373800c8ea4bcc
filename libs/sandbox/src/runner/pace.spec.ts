import { expect, it } from 'vitest';
import { Pace } from './pace.js';

const limits = { syncAfterCalls: 10, slowMs: 5, heavyMs: 100 };

function trusted(): Pace {
  const pace = new Pace(limits);
  for (let call = 0; call < 10; call += 1) pace.callEnded();
  return pace;
}

it('gives the own thread after so many calls without a slow entry, and tells it once', () => {
  const pace = new Pace(limits);
  const earned = Array.from({ length: 12 }, () => pace.callEnded());
  expect(earned.indexOf(true)).toBe(9);
  expect(earned.filter(Boolean)).toHaveLength(1);
  expect(pace.isSync).toBe(true);
});

it('takes it back with the first slow entry', () => {
  const pace = trusted();
  pace.entered(4, 0);
  expect(pace.isSync).toBe(true);
  pace.entered(6, 0);
  expect(pace.isSync).toBe(false);
  for (let call = 0; call < 10; call += 1) pace.callEnded();
  expect(pace.isSync).toBe(false);
});

it('never gives it where the setting says so', () => {
  const pace = new Pace({ ...limits, syncAfterCalls: 0 });
  for (let call = 0; call < 1000; call += 1) pace.callEnded();
  expect(pace.isSync).toBe(false);
});

it('keeps it in the next isolate of a guest that has earned it', () => {
  expect(new Pace(limits, true).isSync).toBe(true);
});

it('calls a guest heavy by its slow entries, however many short ones it makes', () => {
  const pace = trusted();
  for (let entry = 0; entry < 10_000; entry += 1) expect(pace.entered(1, entry)).toBe(false);
  expect(pace.entered(60, 10_000)).toBe(false);
  expect(pace.entered(60, 10_010)).toBe(true);
});

it('forgets what was slow long ago', () => {
  const pace = trusted();
  expect(pace.entered(90, 0)).toBe(false);
  expect(pace.entered(90, 10_000)).toBe(false);
});
