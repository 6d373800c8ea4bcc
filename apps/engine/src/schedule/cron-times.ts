import { Cron } from 'croner';

/** When a line of a schedule is due; times are ms since 1970. */
export interface CronTimes {
  /** First time after `afterMs`; undefined where the line never comes due. */
  next(afterMs: number): number | undefined;
  /** Last time after `afterMs` and not after `untilMs`. */
  lastWithin(afterMs: number, untilMs: number): number | undefined;
}

/** @param line as `isCronLine` of the contract takes it; in UTC */
export function cronTimes(line: string): CronTimes {
  // An offset in place of the zone's name: finding a time takes microseconds, not a millisecond.
  const cron = new Cron(line, { utcOffset: 0, mode: '5-part', paused: true });
  const next = (afterMs: number): number | undefined => cron.nextRun(new Date(afterMs))?.getTime();
  return {
    next,
    lastWithin: (afterMs, untilMs) => {
      let last: number | undefined;
      for (let at = next(afterMs); at !== undefined && at <= untilMs; at = next(at)) last = at;
      return last;
    },
  };
}

export interface Plan {
  /** A time that has come: the latest one, since those before it are not made up for. */
  readonly dueMs: number | undefined;
  readonly nextMs: number | undefined;
  /** What counts as the last time done, where the clock has shown it to be wrong. */
  readonly afterMs: number;
}

/**
 * What is to be done of a line: after down time, a stopped clock or a jump of it, the latest missed time if it lies
 * within the window, once, whatever the number of times missed.
 *
 * A clock set back by up to the window does not run a time twice: the line waits until the clock has caught up. Set
 * back by more, the last time is taken for an error of the clock, and the line goes on from now.
 *
 * @param afterMs the last time that was due
 */
export function planOf(times: CronTimes, afterMs: number, nowMs: number, windowMs: number): Plan {
  const after = afterMs > nowMs + windowMs ? nowMs : afterMs;
  const dueMs = times.lastWithin(Math.max(after, nowMs - windowMs), nowMs);
  return { dueMs, nextMs: times.next(Math.max(after, nowMs)), afterMs: dueMs ?? after };
}
