import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const maxTasks = 512;

/**
 * A folder of cgroup v2 in which each runner gets a group of its own with a hard limit of memory: beyond it the system
 * ends that runner and nothing else, faster than any watch from outside.
 */
export class RunnerCgroup {
  constructor(
    private readonly folder: string,
    private readonly onFault: (reason: string) => void,
  ) {}

  /** A process that cannot be put there runs all the same, and the fault is told. */
  admit(pid: number, memoryMb: number): void {
    try {
      this.limit(pid, memoryMb);
    } catch (error) {
      this.onFault(error instanceof Error ? error.message : 'it cannot be used');
    }
  }

  /** Whether the system ended the process for its memory. */
  wasOutOfMemory(pid: number): boolean {
    const file = join(this.folderOf(pid), 'memory.events');
    return existsSync(file) && /^oom_kill [1-9]/m.test(readFileSync(file, 'latin1'));
  }

  /** After its end; a group that is still in use stays, and goes with the folder. */
  release(pid: number): void {
    try {
      rmdirSync(this.folderOf(pid));
    } catch {
      // The kernel lets go of the process a moment later, or never made the group.
    }
  }

  private limit(pid: number, memoryMb: number): void {
    const own = this.folderOf(pid);
    mkdirSync(own, { recursive: true });
    write(own, 'memory.max', String(memoryMb * 1024 * 1024));
    write(own, 'memory.oom.group', '1');
    // Where swap or the counting of tasks is not there, there is nothing to limit.
    for (const [file, text] of [
      ['memory.swap.max', '0'],
      ['pids.max', String(maxTasks)],
    ] as const) {
      if (existsSync(join(own, file))) write(own, file, text);
    }
    write(own, 'cgroup.procs', String(pid));
  }

  private folderOf(pid: number): string {
    return join(this.folder, `runner-${pid}`);
  }
}

function write(folder: string, file: string, text: string): void {
  writeFileSync(join(folder, file), text);
}

/** @returns why there is none, in words for the operator */
export function openRunnerCgroup(folder: string, onFault: (reason: string) => void): RunnerCgroup | string {
  try {
    const controllers = readFileSync(join(folder, 'cgroup.subtree_control'), 'latin1').trim().split(/\s+/);
    if (!controllers.includes('memory')) return `${folder} does not give "memory" to its children`;
    const probe = join(folder, `runner-probe-${process.pid}`);
    mkdirSync(probe);
    rmdirSync(probe);
    return new RunnerCgroup(folder, onFault);
  } catch (error) {
    return error instanceof Error ? error.message : 'it cannot be used';
  }
}
