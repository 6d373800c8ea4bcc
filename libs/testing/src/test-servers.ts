import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { bareEnvironment, testEnvironment } from './environment.config.js';
import { inWorkspace } from './workspace.js';

/** Servers that tests need and that are no part of the product: PostgreSQL and an S3 server (Ceph RGW). */
export type TestServerKind = 'postgres' | 'rgw';

const run = promisify(execFile);
const addresses = new Map<TestServerKind, Promise<string | undefined>>();
/** Packages may have to be downloaded first. */
const startTimeoutMs = 600_000;
const startAttempts = 4;

/**
 * Address of the server that test runs share; the first who asks starts it, and it ends with the last run that asked
 * (`releaseTestServers`). Undefined where this machine cannot have it, which under `CI=true` is a failure.
 */
export function sharedServer(kind: TestServerKind): Promise<string | undefined> {
  const known = addresses.get(kind);
  if (known !== undefined) return known;
  const address = startShared(kind);
  addresses.set(kind, address);
  return address;
}

/** Lets go of the shared servers this run (or, outside one, this process) has asked for. */
export async function releaseTestServers(): Promise<void> {
  const { runPid } = testEnvironment();
  for (const kind of ['postgres', 'rgw'] as const) await script(kind, 'stop', '--for', runPid);
}

async function startShared(kind: TestServerKind): Promise<string | undefined> {
  const { runPid, isCi, given } = testEnvironment();
  const address = given[kind];
  if (address !== undefined) return address;
  try {
    return await script(kind, 'start', '--for', runPid);
  } catch (error) {
    if (isCi) throw error;
    process.stderr.write(`Tests that need the server ${kind} are left out: ${String(error)}\n`);
    return undefined;
  }
}

/** A server of one's own that keeps its data safely, and can be killed and started again under the same address. */
export class OwnServer implements AsyncDisposable {
  private constructor(
    private readonly kind: TestServerKind,
    private readonly home: string,
    readonly url: string,
  ) {}

  /** @throws Error where this machine cannot have it */
  static async start(kind: TestServerKind): Promise<OwnServer> {
    for (let attempt = 1; ; attempt += 1) {
      const home = await mkdtemp(join(tmpdir(), `own-${kind}-`));
      const server = (url: string): OwnServer => new OwnServer(kind, home, url);
      try {
        return server(await script(kind, 'start', '--home', home, '--for', String(process.pid)));
      } catch (error) {
        await server('')[Symbol.asyncDispose]();
        // On a busy machine a new Ceph monitor now and then knows no keys for good.
        if (attempt === startAttempts) throw error;
      }
    }
  }

  /** Ends it as an operator would. */
  async stop(): Promise<void> {
    // PostgreSQL waits for its clients to leave on SIGTERM.
    await this.end(this.kind === 'postgres' ? 'SIGINT' : 'SIGTERM');
  }

  /** Ends it as a loss of power would. */
  async kill(): Promise<void> {
    await this.end('SIGKILL');
  }

  /** Starts it again on its data. */
  async restart(): Promise<void> {
    await script(this.kind, 'start', '--home', this.home, '--for', String(process.pid));
  }

  /** Runs a program that came with the server, such as `pg_dump`, and gives what it printed. */
  async run(program: string, args: readonly string[]): Promise<string> {
    const { bin = '', library } = this.state;
    const environment = {
      ...bareEnvironment(),
      ...(library === undefined ? {} : { LD_LIBRARY_PATH: library }),
    };
    const { stdout } = await run(join(bin, program), args, { env: environment });
    return stdout;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { folder = this.home } = this.state;
    await this.kill();
    for (const path of [folder, this.home]) await rm(path, { recursive: true, force: true });
  }

  /** What `scripts/<kind>.mjs` notes of the server. */
  private get state(): { readonly folder?: string; readonly bin?: string; readonly library?: string } {
    return JSON.parse(readFileSync(join(this.home, 'state.json'), 'utf8')) as OwnServer['state'];
  }

  private async end(signal: string): Promise<void> {
    await script(this.kind, 'stop', '--home', this.home, '--for', String(process.pid), '--signal', signal);
  }
}

async function script(kind: TestServerKind, ...args: readonly string[]): Promise<string> {
  const file = inWorkspace(`scripts/${kind}.mjs`);
  const { stdout } = await run(process.execPath, [file, ...args], {
    env: bareEnvironment(),
    timeout: startTimeoutMs,
  });
  return stdout.trim();
}
