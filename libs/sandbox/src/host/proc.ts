import { readdirSync, readFileSync } from 'node:fs';
import { setPriority } from 'node:os';

/** Readings from Linux's /proc; undefined where there is none or the process is gone. */

const pageBytes = 4096;
/** Clock ticks per second: 100 on every Linux that Node runs on (USER_HZ). */
const ticksPerSecond = 100;

export function residentBytes(pid: number): number | undefined {
  const pages = field(`/proc/${pid}/statm`, 1);
  return pages === undefined ? undefined : pages * pageBytes;
}

/** CPU time of all threads of a process, ms. */
export function cpuTimeMs(pid: number): number | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The second field is the command in parentheses and may hold blanks.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const ticks = Number(fields[11]) + Number(fields[12]);
    return Number.isFinite(ticks) ? (ticks * 1000) / ticksPerSecond : undefined;
  } catch {
    return undefined;
  }
}

/** Steps of 1.25 each: against a neighbour that wants all of the CPU it gets a tenth. */
const yieldingNice = 10;

/** For all threads of a process, and those that they start; does nothing where the system has no such threads. */
export function lowerPriority(pid: number): void {
  try {
    for (const thread of readdirSync(`/proc/${pid}/task`)) setPriority(Number(thread), yieldingNice);
  } catch {
    // The process is gone, or the system has its own ways: fairness is then the system's alone.
  }
}

function field(path: string, index: number): number | undefined {
  try {
    const value = Number(readFileSync(path, 'latin1').split(' ')[index]);
    return Number.isFinite(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
