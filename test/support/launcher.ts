import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { bareEnvironment, childrenOf, inWorkspace, until } from '@proxylet/testing';

export interface LauncherLine {
  readonly ready: true;
  readonly catalog: string;
  readonly engine: string;
  readonly idm: string;
  readonly pids: { readonly catalog: number; readonly engine: number; readonly idm: number };
  readonly stateDir: string;
}

const freePorts = { PROXYLET_CATALOG_PORT: '0', PROXYLET_ENGINE_PORT: '0', PROXYLET_IDM_PORT: '0' };

/** What `npm start` runs, and what that comes down to once everything is built. */
export const startScript = ['scripts/run.mjs', 'start', '--json'];
const builtStack = ['apps/stack/dist/main.js', '--json'];

/** The launcher as a person starts it, on free ports unless told otherwise. */
export class Launcher implements AsyncDisposable {
  stdout = '';
  stderr = '';
  private readonly child: ChildProcess;
  private readonly closed: Promise<unknown>;

  constructor(
    settings: Readonly<Record<string, string>>,
    { args = builtStack, cwd = inWorkspace('') }: { args?: readonly string[]; cwd?: string } = {},
  ) {
    this.child = spawn(process.execPath, [...args], {
      cwd,
      env: { ...bareEnvironment(), ...freePorts, ...settings },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child.stdout?.setEncoding('utf8').on('data', (part: string) => {
      this.stdout += part;
    });
    this.child.stderr?.setEncoding('utf8').on('data', (part: string) => {
      this.stderr += part;
    });
    this.closed = once(this.child, 'close');
  }

  get pid(): number {
    if (this.child.pid === undefined) throw new Error('The launcher did not start');
    return this.child.pid;
  }

  /** Standard error, line by line. */
  get said(): string[] {
    return this.stderr.split('\n').filter((line) => line !== '');
  }

  async ready(): Promise<LauncherLine> {
    await until(() => this.stdout.includes('\n') || this.child.exitCode !== null, {
      what: 'the launcher is ready',
      timeoutMs: 120_000,
    });
    if (this.child.exitCode !== null) throw new Error(`The launcher ended: ${this.stderr}`);
    return JSON.parse(this.stdout) as LauncherLine;
  }

  /** Sends a signal, if any, and gives the exit code once all output is read. */
  async end(signal?: NodeJS.Signals): Promise<number | null> {
    if (signal !== undefined) this.child.kill(signal);
    await this.closed;
    return this.child.exitCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end(this.child.exitCode === null ? 'SIGTERM' : undefined);
  }
}

/** Everything below a process: services, runners. */
export function descendantsOf(pid: number): number[] {
  const children = childrenOf(pid);
  return children.concat(children.flatMap(descendantsOf));
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
