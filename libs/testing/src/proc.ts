import { readdirSync, readFileSync } from 'node:fs';

/** Ticks per second of `/proc/<pid>/stat`: 100 on every Linux that Node runs on (`USER_HZ`). */
const ticksPerSecond = 100;

/** Processes whose parent is `pid`; empty where the system has no /proc. */
export function childrenOf(pid: number): number[] {
  return numbersIn('/proc').filter((candidate) => statOf(candidate)?.parent === pid && isAlive(candidate));
}

/** Whether a process runs; one that ended and waits to be collected by its parent does not. */
export function isAlive(pid: number): boolean {
  const state = statOf(pid)?.state;
  return state !== undefined && state !== 'Z' && state !== 'X';
}

/** CPU time a process has used so far, user and system, all threads, in ms; undefined when it is gone. */
export function cpuTimeMs(pid: number): number | undefined {
  return statOf(pid)?.cpuMs;
}

/** Resident memory of a process, bytes; undefined when it is gone. */
export function residentBytes(pid: number): number | undefined {
  try {
    const [, kib] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? [];
    return kib === undefined ? undefined : Number(kib) * 1024;
  } catch {
    return undefined;
  }
}

interface Stat {
  readonly state: string | undefined;
  readonly parent: number;
  readonly cpuMs: number;
}

function statOf(pid: number): Stat | undefined {
  try {
    // The name in parentheses may hold blanks: fields are counted from its end.
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return {
      state: fields[0],
      parent: Number(fields[1]),
      cpuMs: ((Number(fields[11]) + Number(fields[12])) * 1000) / ticksPerSecond,
    };
  } catch {
    return undefined;
  }
}

function numbersIn(folder: string): number[] {
  try {
    return readdirSync(folder)
      .map(Number)
      .filter((value) => Number.isInteger(value));
  } catch {
    return [];
  }
}
