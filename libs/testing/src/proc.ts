import { readdirSync, readFileSync } from 'node:fs';

/** Ticks per second of `/proc/<pid>/stat`: 100 on every Linux that Node runs on (`USER_HZ`). */
const ticksPerSecond = 100;

/** Processes whose parent is `pid`; empty where the system has no /proc. */
export function childrenOf(pid: number): number[] {
  return numbersIn('/proc').filter((candidate) => statOf(candidate)?.parent === pid);
}

/** CPU time a process has used so far, user and system, all threads, in ms; undefined when it is gone. */
export function cpuTimeMs(pid: number): number | undefined {
  return statOf(pid)?.cpuMs;
}

function statOf(pid: number): { readonly parent: number; readonly cpuMs: number } | undefined {
  try {
    // The name in parentheses may hold blanks: fields are counted from its end.
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return {
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
