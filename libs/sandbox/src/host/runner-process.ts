import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunnerEnd } from '../types.js';
import { culpritOf, markBytes, markSlots } from '../wire/marks.js';
import type { Containment } from './containment.js';
import type { RunnerCgroup } from './runner-cgroup.js';
import { cpuTimeMs, residentBytes } from './proc.js';

/** Signals that come from an admin or the system's want of memory, not from a fault. */
const outsideSignals = new Set<NodeJS.Signals | null>(['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGHUP']);
/** How long a runner in which memory ran out has to say that it goes on, ms. */
const lossGraceMs = 200;
const maxStderrChars = 8 * 1024;
/** What V8 and the runner print when memory is what ended them. */
const outOfMemory = /Last few GCs|heap out of memory|^catastrophic: |invalid table size/im;

/**
 * The operating system's side of a runner: the process, its socket pair, its marks, its end. A runner inherits no
 * environment, no working directory of ours and no descriptor but its own three.
 */
export class RunnerProcess {
  readonly pid: number;
  readonly socket: Socket;
  readonly startedAtMs = Date.now();
  /** Set before the kill, so that the end is named by its cause. */
  private killedFor: RunnerEnd | undefined;
  private stderr = '';
  private isLossTold = false;
  private lossTimer: NodeJS.Timeout | undefined;
  private readonly markFile: number;
  private readonly child: ChildProcess;
  private readonly cgroup: RunnerCgroup | undefined;

  constructor(
    containment: Containment,
    args: readonly string[],
    /** Resident memory at which the system ends it, where it does, MB. */
    memoryMb: number,
    onEnd: (end: RunnerEnd, culpritKey: number, detail: string) => void,
  ) {
    this.markFile = openMarkFile();
    const [program, all] = containment.wrap(process.execPath, args);
    this.child = spawn(program, all, {
      stdio: ['ignore', 'ignore', 'pipe', 'pipe', this.markFile],
      env: {},
      cwd: '/',
    });
    this.pid = this.child.pid ?? 0;
    this.socket = this.child.stdio[3] as Socket;
    this.cgroup = containment.cgroup;
    if (this.pid !== 0) this.cgroup?.admit(this.pid, memoryMb);
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr = (this.stderr + text).slice(-maxStderrChars);
      if (outOfMemory.test(this.stderr)) this.expectLoss();
    });
    // It may be dead already: then the signal it ended by tells why.
    this.socket.on('error', () => this.child.kill('SIGKILL'));
    this.child.once('error', () => onEnd('crash', 0, 'the process could not be started'));
    this.child.once('close', (code, signal) => {
      clearTimeout(this.lossTimer);
      const culprit = this.readMark();
      closeSync(this.markFile);
      const end = this.endOf(signal);
      this.cgroup?.release(this.pid);
      onEnd(
        end,
        culprit,
        `${signal ?? `exit ${code ?? '?'}`}${this.stderr === '' ? '' : `: ${this.stderr.trim()}`}`,
      );
    });
  }

  get rssBytes(): number {
    return residentBytes(this.pid) ?? 0;
  }

  get cpuMs(): number | undefined {
    return cpuTimeMs(this.pid);
  }

  kill(reason: RunnerEnd): void {
    this.killedFor ??= reason;
    this.child.kill('SIGKILL');
  }

  /**
   * Where memory ran out on a thread of the pool, the runner says so and goes on without it. On its own thread V8 may
   * hang in place of ending (isolates.md §2.5): that is not waited for.
   */
  private expectLoss(): void {
    this.lossTimer ??= setTimeout(() => {
      if (!this.isLossTold) this.kill('memory');
    }, lossGraceMs);
  }

  /** The runner told of the thread it lost: who ends it now, and when, is not decided here. */
  lossTold(): void {
    this.isLossTold = true;
  }

  /** Keeps the engine's own event loop free to end. */
  unref(): void {
    this.child.unref();
    (this.child.stderr as unknown as Socket | null)?.unref();
    this.socket.unref();
  }

  /** A runner ends itself with a signal only after it has said why. */
  private endOf(signal: NodeJS.Signals | null): RunnerEnd {
    if (this.killedFor !== undefined) return this.killedFor;
    if (outOfMemory.test(this.stderr) || this.cgroup?.wasOutOfMemory(this.pid) === true) return 'memory';
    return outsideSignals.has(signal) ? 'killed' : 'crash';
  }

  private readMark(): number {
    const bytes = Buffer.alloc(markBytes * markSlots);
    const length = readSync(this.markFile, bytes, 0, bytes.length, 0);
    return culpritOf(bytes.subarray(0, length));
  }
}

/** A file without a name: only its two descriptors remain. */
function openMarkFile(): number {
  const folder = mkdtempSync(join(tmpdir(), 'proxylet-runner-'));
  try {
    return openSync(join(folder, 'mark'), 'w+', 0o600);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
