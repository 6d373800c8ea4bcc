import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { exitCodes, Stop } from '../stop.js';
import type { ServiceLog } from './service-log.js';

const readySchema = z.looseObject({ ready: z.literal(true), url: z.url(), pid: z.int().positive() });

export interface ServiceOptions {
  /** Shown in messages: `catalog`. */
  readonly name: string;
  /** File that Node runs. */
  readonly main: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly log: ServiceLog;
  readonly readyTimeoutMs?: number;
}

/** How a service ended. */
export interface ServiceExit {
  readonly name: string;
  readonly code: number;
  /** The last sentence it said, or how it ended. */
  readonly reason: string;
}

/** One service in a process of its own, which stops by itself when this process dies. */
export class Service {
  readonly name: string;
  /** Settles when the process has ended and its output is read. */
  readonly exited: Promise<ServiceExit>;
  private readonly child: ChildProcess;
  private readonly ready: Promise<{ readonly url: string; readonly pid: number }>;
  private readonly log: ServiceLog;
  private lastLine = '';

  constructor({ name, main, environment, log, readyTimeoutMs = 60_000 }: ServiceOptions) {
    this.name = name;
    this.log = log;
    // Its standard input stays open as long as this process lives: also `kill -9` closes it, and the service stops.
    this.child = spawn(process.execPath, [main], {
      env: { ...environment, PROXYLET_EXIT_WITH_PARENT: '1' },
      stdio: ['pipe', 'pipe', 'pipe'],
      // Ctrl-C in a terminal reaches this process alone, which then stops the services in order.
      detached: process.platform !== 'win32',
      windowsHide: true,
    });
    this.child.stdin?.on('error', () => undefined);
    const { promise, resolve, reject } = Promise.withResolvers<{ url: string; pid: number }>();
    this.ready = promise;
    this.watchOutput(resolve);
    this.exited = this.watchExit();
    const timer = setTimeout(() => {
      reject(
        new Stop(
          exitCodes.internal,
          `${name} did not get ready in ${readyTimeoutMs / 1000} s: see ${log.path}.`,
        ),
      );
    }, readyTimeoutMs);
    this.ready.catch(() => undefined).finally(() => clearTimeout(timer));
    void this.exited.then((exit) => reject(this.stopOf(exit)));
  }

  /** @throws Stop with the service's own exit code when it ends instead */
  whenReady(): Promise<{ readonly url: string; readonly pid: number }> {
    return this.ready;
  }

  /** Asks the service to stop and ends it when it has not after `graceMs`. */
  async stop(graceMs: number): Promise<ServiceExit> {
    this.child.kill('SIGTERM');
    const timer = setTimeout(() => this.child.kill('SIGKILL'), graceMs);
    const exit = await this.exited;
    clearTimeout(timer);
    return exit;
  }

  /** A service that ends by itself takes the stack with it, under its own exit code. */
  stopOf({ code, reason }: ServiceExit): Stop {
    const known = Object.values(exitCodes).some((candidate) => candidate === code);
    return new Stop(
      known ? code : exitCodes.internal,
      `The ${this.name} stopped: ${reason} Its log is ${this.log.path}.`,
    );
  }

  private watchOutput(onReady: (ready: { url: string; pid: number }) => void): void {
    const { stdout, stderr } = this.child;
    if (stdout === null || stderr === null) throw new Error('The service has no output streams');
    createInterface({ input: stdout }).on('line', (line) => {
      const ready = readySchema.safeParse(parseJson(line));
      if (ready.success) onReady(ready.data);
      else this.log.write(line);
    });
    createInterface({ input: stderr }).on('line', (line) => {
      if (line.trim() !== '') this.lastLine = line;
      this.log.write(line);
    });
  }

  private watchExit(): Promise<ServiceExit> {
    const { promise, resolve } = Promise.withResolvers<ServiceExit>();
    this.child.once('error', (error) => {
      resolve({ name: this.name, code: exitCodes.internal, reason: error.message });
    });
    this.child.once('close', (code, signal) => {
      const how =
        signal === null
          ? `it ended with exit code ${code ?? exitCodes.internal}`
          : `it was ended by ${signal}`;
      // What a service says last is its reason only where it failed.
      const isFailure = signal === null && code !== 0;
      const said = !isFailure || this.lastLine.startsWith('{') ? '' : this.lastLine;
      resolve({ name: this.name, code: code ?? exitCodes.internal, reason: said === '' ? `${how}.` : said });
    });
    return promise;
  }
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
