import { describe, expect, it } from 'vitest';
import { cronTimes, planOf } from './cron-times.js';

const at = (text: string): number => Date.parse(`2026-11-20T${text}Z`);
const hour = 3_600_000;
const five = cronTimes('*/5 * * * *');
const plan = (after: string, now: string) => planOf(five, at(after), at(now), hour);

describe('a plan', () => {
  it('waits for the next time', () => {
    expect(plan('12:00:00', '12:03:00')).toEqual({
      dueMs: undefined,
      nextMs: at('12:05:00'),
      afterMs: at('12:00:00'),
    });
  });

  it('has a time due at its very millisecond, and once', () => {
    expect(plan('12:00:00', '12:05:00').dueMs).toBe(at('12:05:00'));
    expect(plan('12:05:00', '12:05:00').dueMs).toBeUndefined();
    expect(plan('12:00:00', '12:04:59.999').dueMs).toBeUndefined();
  });

  it('runs once, for the latest time missed', () => {
    expect(plan('09:00:00', '12:03:00')).toMatchObject({ dueMs: at('12:00:00'), nextMs: at('12:05:00') });
  });

  it('lets go of what was missed before the window', () => {
    const daily = cronTimes('0 6 * * *');
    expect(planOf(daily, at('00:00:00'), at('06:59:00'), hour).dueMs).toBe(at('06:00:00'));
    expect(planOf(daily, at('00:00:00'), at('07:01:00'), hour).dueMs).toBeUndefined();
  });

  it('does not run a time twice when the clock is set back a little', () => {
    expect(plan('12:05:00', '11:30:00')).toEqual({
      dueMs: undefined,
      nextMs: at('12:10:00'),
      afterMs: at('12:05:00'),
    });
  });

  it('goes on from now when the clock was far ahead before', () => {
    const far = Date.parse('2099-01-01T00:00:00Z');
    expect(planOf(five, far, at('12:03:00'), hour)).toEqual({
      dueMs: undefined,
      nextMs: at('12:05:00'),
      afterMs: at('12:03:00'),
    });
  });

  it('never comes for a day that does not exist', () => {
    expect(planOf(cronTimes('0 0 30 2 *'), at('12:00:00'), at('12:03:00'), hour)).toMatchObject({
      dueMs: undefined,
      nextMs: undefined,
    });
  });
});

const first = (line: string): string =>
  new Date(cronTimes(line).next(at('12:05:00')) ?? 0).toISOString().slice(0, 16);

describe('lines', () => {
  it.each([
    ['* * * * *', '2026-11-20T12:06'],
    ['0 12 * * MON-FRI', '2026-11-23T12:00'],
    ['0 0 13 * 5', '2026-11-27T00:00'],
    ['5-10/2 1,2 * JAN,MAR 7', '2027-01-03T01:05'],
    ['0 0 29 2 *', '2028-02-29T00:00'],
  ])('%s is next due at %s', (line, next) => expect(first(line)).toBe(next));
});
