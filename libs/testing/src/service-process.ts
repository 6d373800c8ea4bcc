import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { bareEnvironment } from './environment.config.js';

export interface ServiceProcessOptions {
  readonly name: string;
  /** File that Node runs. */
  readonly main: string;
  readonly args?: readonly string[] | undefined;
  /** Settings for each start; told the port to listen on, which is 0 the first time and stays then. */
  readonly settings: (port: number) => Readonly<Record<string, string>>;
  readonly readyTimeoutMs?: number | undefined;
}

/** The line on standard output that tells the service is ready. */
interface Announcement {
  readonly url?: string;
  readonly [member: string]: unknown;
}

/** Log lines kept in memory. */
const maxLines = 5000;
const stopGraceMs = 15_000;

/** A built service in a process of its own, which can be stopped, killed and started again under the same address. */
export class ServiceProcess implements AsyncDisposable {
  /** What it wrote since its first start, standard output and error in the order they came. */
  readonly lines: string[] = [];
  private child: ChildProcess | undefined;
  private ready: Announcement | undefined;

  constructor(private readonly options: ServiceProcessOptions) {}

  /** Stays the same over restarts. */
  get url(): string {
    const { url } = this.announcement;
    if (url === undefined) throw new Error(`The ${this.options.name} has no address`);
    return url;
  }

  /** What it said last when it was ready. */
  get announcement(): Announcement {
    if (this.ready === undefined) throw new Error(`The ${this.options.name} was never started`);
    return this.ready;
  }

  get pid(): number {
    if (this.child?.pid === undefined) throw new Error(`The ${this.options.name} does not run`);
    return this.child.pid;
  }

  get isRunning(): boolean {
    return this.child !== undefined;
  }

  /** @throws Error with what the service said, when it ends or is silent for `readyTimeoutMs` (default 60 s) */
  async start(): Promise<void> {
    if (this.child !== undefined) throw new Error(`The ${this.options.name} runs already`);
    const port = this.ready?.url === undefined ? 0 : Number(new URL(this.ready.url).port);
    const child = spawn(process.execPath, [this.options.main, ...(this.options.args ?? [])], {
      env: { ...bareEnvironment(), ...this.options.settings(port), PROXYLET_EXIT_WITH_PARENT: '1' },
      // Standard input stays open as long as the test runs; a service whose test was killed stops by itself.
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.child = child;
    child.stdin.on('error', () => undefined);
    child.once('exit', () => {
      if (this.child === child) this.child = undefined;
    });
    this.ready = await this.untilReady(child);
  }

  /** Asks it to stop, and gives its exit code; null when it had to be killed. */
  async stop(): Promise<number | null> {
    return this.end('SIGTERM');
  }

  /** Ends it at once, as a crash or a loss of power would. */
  async kill(): Promise<void> {
    await this.end('SIGKILL');
  }

  /** Starts it again on the same state, under the same address. */
  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  private async end(signal: NodeJS.Signals): Promise<number | null> {
    const { child } = this;
    if (child === undefined) return 0;
    const exited = once(child, 'exit');
    child.kill(signal);
    const timer = setTimeout(() => child.kill('SIGKILL'), stopGraceMs);
    const [code] = (await exited) as [number | null];
    clearTimeout(timer);
    return code;
  }

  private async untilReady(child: ChildProcess): Promise<Announcement> {
    const { name, readyTimeoutMs = 60_000 } = this.options;
    const { promise, resolve, reject } = Promise.withResolvers<Announcement>();
    const fail = (what: string): void =>
      reject(new Error(`The ${name} ${what}:\n${this.lines.slice(-20).join('\n')}`));
    for (const stream of [child.stdout, child.stderr]) {
      if (stream === null) continue;
      createInterface({ input: stream }).on('line', (line) => {
        const ready = stream === child.stdout ? readyOf(line) : undefined;
        if (ready === undefined) this.keep(line);
        else resolve(ready);
      });
    }
    // `close` comes after all output was read, `exit` may come before.
    child.once('close', (code, signal) => fail(`ended with ${signal ?? `exit code ${code}`}`));
    child.once('error', (error) => fail(error.message));
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      fail(`was not ready after ${readyTimeoutMs} ms`);
    }, readyTimeoutMs);
    return promise.finally(() => clearTimeout(timer));
  }

  private keep(line: string): void {
    this.lines.push(line);
    if (this.lines.length > maxLines) this.lines.splice(0, maxLines / 2);
  }
}

function readyOf(line: string): Announcement | undefined {
  if (!line.startsWith('{"ready":true')) return undefined;
  return JSON.parse(line) as Announcement;
}
