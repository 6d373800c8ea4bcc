import { Buffer } from 'node:buffer';
import type { Readable } from 'node:stream';
import { Problem } from '@proxylet/contract';
import {
  type Guest,
  type GuestLimits,
  type GuestLogEntry,
  type GuestRequest,
  type HostServices,
  type Sandbox,
  type SandboxOptions,
  startSandbox,
} from '../src/index.js';

export interface Answer {
  readonly status: number;
  readonly headers: readonly string[];
  readonly text: string;
}

/** A running sandbox with services of the test's choice, and short ways to make guests and call them. */
export class SandboxFixture implements AsyncDisposable {
  readonly logs: GuestLogEntry[] = [];
  readonly lost: string[] = [];
  readonly breaches: string[] = [];
  /** CPU time by guest. */
  readonly usedMs = new Map<string, number>();
  readonly degraded: string[] = [];
  private guests = 0;
  private sandbox!: Sandbox;

  static async start(
    services: Partial<HostServices> = {},
    options: Partial<Omit<SandboxOptions, 'services'>> = {},
  ): Promise<SandboxFixture> {
    const fixture = new SandboxFixture();
    fixture.sandbox = await startSandbox({
      services: {
        fetch: services.fetch ?? (() => Promise.reject(new Error('no network in this test'))),
        call: services.call ?? (() => Promise.reject(new Error('no dependencies in this test'))),
        kv: services.kv ?? (() => ({ op: 'delete', existed: false })),
        cache: services.cache ?? (() => Promise.reject(new Error('no cache in this test'))),
        publish: services.publish ?? (() => Promise.reject(new Error('no topics in this test'))),
        log: (_, entries) => fixture.logs.push(...entries),
        breach: (_, { limit }) => fixture.breaches.push(limit),
        used: (guest, cpuMs) => fixture.usedMs.set(guest.id, (fixture.usedMs.get(guest.id) ?? 0) + cpuMs),
      },
      onRunnerLost: ({ reason }) => fixture.lost.push(reason),
      runnerUserIds: [59_000, 59_255],
      onDegraded: (layer) => fixture.degraded.push(layer),
      ...options,
    });
    return fixture;
  }

  get host(): Sandbox {
    return this.sandbox;
  }

  guest(
    source: string,
    options: { limits?: Partial<GuestLimits>; group?: string; config?: unknown } = {},
  ): Guest {
    this.guests += 1;
    const name = `test/guest-${this.guests}`;
    return {
      id: `installation-${this.guests}`,
      group: options.group ?? 'test',
      name,
      version: '1.0.0',
      loadCode: () => Promise.resolve({ source, filename: `${name}@1.0.0/dist/index.js` }),
      limits: {
        memoryMb: 64,
        cpuMs: 500,
        timeoutMs: 10_000,
        bodyBytes: 8 * 1024 * 1024,
        subrequests: 50,
        ...options.limits,
      },
      bindings: {
        kv: true,
        dependencies: { EXIF: 'acme/exif' },
        config: options.config ?? {},
        secrets: { API_KEY: 'k1' },
      },
      owner: alice,
    };
  }

  /** A guest whose handler is the given function body: `request`, `env` and `ctx` are at hand. */
  handler(
    body: string,
    options: { limits?: Partial<GuestLimits>; group?: string; config?: unknown } = {},
  ): Guest {
    return this.guest(`export default { async fetch(request, env, ctx) { ${body} } }`, options);
  }

  async call(guest: Guest, init: Partial<GuestRequest> = {}): Promise<Answer> {
    const { status, headers, body } = await this.sandbox.invoke(guest, request(init));
    return { status, headers, text: await readAll(body) };
  }

  /** Runs a handler body once and gives its answer's text. */
  async text(body: string, init: Partial<GuestRequest> = {}): Promise<string> {
    return (await this.call(this.handler(body), init)).text;
  }

  /** The problem a call ends with. */
  async problem(guest: Guest, init: Partial<GuestRequest> = {}): Promise<Problem> {
    try {
      const answer = await this.call(guest, init);
      throw new Error(`expected a problem, got ${answer.status} ${answer.text.slice(0, 200)}`);
    } catch (error) {
      if (error instanceof Problem) return error;
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.sandbox[Symbol.asyncDispose]();
  }
}

const alice = { subject: 'alice', issuer: 'https://idm.example', roles: ['user'] };

export function request(init: Partial<GuestRequest> = {}): GuestRequest {
  return {
    method: 'GET',
    url: 'http://engine.example/path?a=1',
    headers: ['accept', '*/*'],
    body: undefined,
    user: alice,
    signal: new AbortController().signal,
    traceId: '0af7651916cd43dd8448eb211c80319c',
    ...init,
  };
}

export async function readAll(body: Uint8Array | Readable | undefined): Promise<string> {
  if (body === undefined) return '';
  if (body instanceof Uint8Array) return Buffer.from(body).toString('utf8');
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
