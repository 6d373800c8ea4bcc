import type { Readable } from 'node:stream';
import type { Problem } from '@proxylet/contract';
import type { SandboxLimits } from './host/sandbox-limits.js';
import type { LimitName } from './limits.js';

/** What the engine tells the sandbox about one installation, and what it gives the guest's calls. */
export interface Guest {
  /** Installation id: the key of its isolate. Never reused for another owner, proxylet or version. */
  readonly id: string;
  /** Guests of one group share a runner process; by default the publisher's namespace. Read at each call. */
  readonly group: string;
  /** `namespace/name`. */
  readonly name: string;
  readonly version: string;
  /** Source text of the main module, read only when an isolate starts. */
  readonly loadCode: () => Promise<GuestCode>;
  readonly limits: GuestLimits;
  /** Bindings the guest finds in `env`. */
  readonly bindings: GuestBindings;
  /** `ctx.installation`. */
  readonly owner: GuestUser;
}

export interface GuestCode {
  readonly source: string;
  /** Shown in stack traces, e.g. `acme/thumb@1.3.0/dist/index.js`. */
  readonly filename: string;
}

export interface GuestLimits {
  /** Heap of the isolate, MB; 8 or more. */
  readonly memoryMb: number;
  /** CPU time of one call, ms. */
  readonly cpuMs: number;
  /** Wall time of one call, ms. */
  readonly timeoutMs: number;
  /** Largest request and largest response body, bytes. */
  readonly bodyBytes: number;
  /** Requests to the outside and to other proxylets in one call, those of `waitUntil` included. */
  readonly subrequests: number;
}

export interface GuestBindings {
  readonly kv: boolean;
  /** `env.CACHE` and `caches`. */
  readonly cache?: boolean | undefined;
  /** `env.TOPICS`. */
  readonly topics?: boolean | undefined;
  /** `WebAssembly`: its runner is one of a class apart, never shared with guests that do without. */
  readonly wasm?: boolean | undefined;
  /** Names of `env` members and the proxylets behind them, e.g. `EXIF` → `acme/exif`. */
  readonly dependencies: Readonly<Record<string, string>>;
  /** Plain JSON given as `env.CONFIG`. */
  readonly config: unknown;
  readonly secrets: Readonly<Record<string, string>>;
}

/** Who is behind a call, as `ctx.user`; never a token. */
export interface GuestUser {
  readonly subject: string;
  readonly issuer: string;
  readonly roles: readonly string[];
}

/** A call as a span of its trace (W3C Trace Context). */
export interface TraceContext {
  /** 16 hex digits. */
  readonly spanId: string;
  /** Two hex digits. */
  readonly flags: string;
  /** `tracestate` of whoever began the trace. */
  readonly state: string | undefined;
}

export interface GuestRequest {
  readonly method: string;
  /** Absolute URL as the guest sees it: the engine's origin and the path below `/run/{ns}/{name}`. */
  readonly url: string;
  /** Names and values in turn, as `rawHeaders` of `node:http`; already freed of what a guest must not see. */
  readonly headers: readonly string[];
  readonly body: Uint8Array | Readable | undefined;
  /** Stated length of a body that streams, bytes. */
  readonly bodyBytes?: number | undefined;
  readonly user: GuestUser;
  /** Whether the answer may be a WebSocket. */
  readonly takesWebSocket?: boolean | undefined;
  /** Aborts when the client goes away: the guest's `request.signal` fires and its work is stopped. */
  readonly signal: AbortSignal;
  /** W3C trace id of the call, 32 hex digits. */
  readonly traceId: string;
  /** The call within its trace; a new span where nothing is given. */
  readonly trace?: TraceContext | undefined;
  /** How many proxylets have called one another, or sent messages, to get here; 0 for a caller from outside. */
  readonly depth?: number | undefined;
  /** Their names, first caller first. */
  readonly chain?: readonly string[] | undefined;
}

/** Something that a guest's `scheduled` or `message` handler is told of. It runs as the installation's owner. */
export type GuestEvent = EventOrigin &
  (
    | {
        readonly kind: 'scheduled';
        /** The line of the manifest. */
        readonly cron: string;
        /** The time it was due at, ms since 1970: not the time it runs at. */
        readonly scheduledMs: number;
      }
    | {
        readonly kind: 'message';
        readonly id: string;
        readonly topic: string;
        readonly publishedMs: number;
        /** The proxylet that sent it; undefined for one from outside. */
        readonly publisher: string | undefined;
        readonly contentType: string;
        readonly bytes: Uint8Array;
      }
  );

interface EventOrigin {
  readonly signal: AbortSignal;
  /** W3C trace id, 32 hex digits. */
  readonly traceId: string;
  /** As `GuestRequest.depth`: so a circle of messages ends. */
  readonly depth: number;
  readonly chain: readonly string[];
}

export interface GuestResponse {
  readonly status: number;
  /** Names and values in turn. */
  readonly headers: readonly string[];
  /** Whole when it was small and at hand, else a stream with back-pressure; a late failure destroys the stream. */
  readonly body: Uint8Array | Readable | undefined;
  /** Length of a stream that was passed on as it came, bytes. */
  readonly bodyBytes?: number | undefined;
  /** Of an answer 101 to a request that asked for it. */
  readonly webSocket?: GuestSocket | undefined;
}

/** Sizes of WebSockets, both ways; the prelude has them too (`guest/host.ts`). */
export const socketCaps = {
  /** Largest message, bytes. */
  messageBytes: 1024 * 1024,
  /** Bytes of messages on their way before the sender waits (client) or is refused (guest). */
  queueBytes: 1024 * 1024,
} as const;

/** The client's side of a WebSocket that a guest answered with. */
export interface SocketClient {
  /** Calls `written` when the message has left. */
  send(data: string | Uint8Array, written: () => void): void;
  /** 1005: the guest gave no code. */
  close(code: number, reason: string): void;
  /** May send again. */
  resume(): void;
  /** The guest ended by other than closing. */
  failed(problem: Problem): void;
}

/** The guest's side of it; the call goes on until `closed`. */
export interface GuestSocket {
  /** To be called once; what the guest has sent so far comes at once. */
  attach(client: SocketClient): void;
  /** @returns false when the client shall wait until it may `resume` */
  receive(data: string | Uint8Array): boolean;
  /** The connection is over: a code of RFC 6455 §7.4, 1006 where it broke off. */
  closed(code: number, reason: string): void;
}

/** `fetch` of a guest, as it reaches the engine; the engine alone has sockets and decides what is allowed. */
export interface OutboundRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: readonly string[];
  /** A stream belongs to whoever is asked: it is destroyed when nothing more of it is wanted. */
  readonly body: Uint8Array | Readable | undefined;
  /** Stated length of a body that streams, bytes. */
  readonly bodyBytes?: number | undefined;
  readonly redirect: 'follow' | 'error' | 'manual';
}

export interface OutboundResponse {
  readonly status: number;
  readonly statusText: string;
  /** Final URL after redirects. */
  readonly url: string;
  readonly redirected: boolean;
  readonly headers: readonly string[];
  readonly body: Uint8Array | Readable | undefined;
  /** Stated length of a body that streams, bytes. */
  readonly bodyBytes?: number | undefined;
}

/**
 * On whose behalf a guest asks: the caller of the call it asks from, also in work of `waitUntil` after the answer; the
 * installation's owner for an event.
 */
export interface OnBehalf {
  readonly user: GuestUser;
  readonly traceId: string;
  readonly trace: TraceContext;
  readonly depth: number;
  readonly chain: readonly string[];
}

export type KvOperation =
  | { readonly op: 'get'; readonly key: string }
  | {
      readonly op: 'put';
      readonly key: string;
      readonly value: Uint8Array;
      readonly ttlSeconds: number | undefined;
      /** Compare-and-set: write only where the current version is this one; 0 means "absent". */
      readonly ifVersion: number | undefined;
    }
  | { readonly op: 'delete'; readonly key: string }
  | {
      readonly op: 'list';
      readonly prefix: string;
      readonly limit: number;
      readonly cursor: string | undefined;
    };

export type KvResult =
  | {
      readonly op: 'get';
      readonly entry: { readonly value: Uint8Array; readonly version: number } | undefined;
    }
  /** `version` is undefined when `ifVersion` did not match. */
  | { readonly op: 'put'; readonly version: number | undefined }
  | { readonly op: 'delete'; readonly existed: boolean }
  | { readonly op: 'list'; readonly keys: readonly string[]; readonly cursor: string | undefined };

/** What of a response is kept in a cache, and of the request it was stored for. */
export interface CachedHead {
  readonly url: string;
  /** Names and values in turn, as all headers here. */
  readonly requestHeaders: readonly string[];
  readonly status: number;
  readonly statusText: string;
  readonly responseUrl: string;
  readonly headers: readonly string[];
}

export interface CacheQuery {
  /** Undefined means all of them, in the order they were made. */
  readonly cache: string | undefined;
  readonly url: string;
  readonly headers: readonly string[];
  readonly ignoreSearch: boolean;
  readonly ignoreVary: boolean;
}

export interface CachedEntry extends CachedHead {
  /** For `body`. */
  readonly id: number;
  /** ms since 1970. */
  readonly storedMs: number;
}

export type CacheOperation =
  | { readonly op: 'open' | 'has' | 'drop'; readonly cache: string }
  | { readonly op: 'names' }
  /** The first entry that fits, with its body. */
  | { readonly op: 'match'; readonly query: CacheQuery }
  /** Every entry of a cache that fits, or all of it without a query; at most 1 000, without bodies. */
  | { readonly op: 'find'; readonly cache: string; readonly query: CacheQuery | undefined }
  | { readonly op: 'body'; readonly id: number }
  | { readonly op: 'put'; readonly cache: string; readonly head: CachedHead; readonly body: Uint8Array }
  | { readonly op: 'delete'; readonly query: CacheQuery };

export type CacheResult =
  | { readonly op: 'done'; readonly isTrue: boolean }
  | { readonly op: 'names'; readonly names: readonly string[] }
  | { readonly op: 'entries'; readonly entries: readonly CachedEntry[] }
  | {
      readonly op: 'response';
      readonly entry: CachedEntry | undefined;
      readonly body: Uint8Array | Readable | undefined;
    };

export interface PublishedMessage {
  readonly topic: string;
  readonly contentType: string;
  readonly bytes: Uint8Array;
}

export interface GuestLogEntry {
  readonly atMs: number;
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly text: string;
  readonly traceId: string | undefined;
}

/** A limit that a guest has broken. */
export interface Breach {
  readonly limit: LimitName;
  /** What to say about it, in a sentence. */
  readonly detail: string;
  readonly traceId: string | undefined;
}

/**
 * What the engine does for guests. An implementation must treat every argument as hostile input: it comes out of
 * a process that untrusted code may have taken over. A rejection with a `GuestVisibleError` is shown to the guest;
 * anything else becomes a nameless failure.
 */
export interface HostServices {
  fetch(guest: Guest, request: OutboundRequest, signal: AbortSignal): Promise<OutboundResponse>;
  /** A call of another proxylet that the guest depends on, by the name its binding stands for. */
  call(
    guest: Guest,
    name: string,
    request: OutboundRequest,
    onBehalf: OnBehalf,
    signal: AbortSignal,
  ): Promise<OutboundResponse>;
  kv(guest: Guest, operation: KvOperation): Promise<KvResult> | KvResult;
  cache(guest: Guest, operation: CacheOperation): Promise<CacheResult> | CacheResult;
  /** `env.TOPICS.publish`; settles when the message is taken. */
  publish(guest: Guest, message: PublishedMessage, onBehalf: OnBehalf): Promise<void>;
  log(guest: Guest, entries: readonly GuestLogEntry[]): void;
  /** A guest broke a limit; it may be told of the same one often. */
  breach(guest: Guest, breach: Breach): void;
  /** CPU time a guest has used since it was told last, ms; what its runner's death kept from being told included. */
  used(guest: Guest, cpuMs: number): void;
}

/** An error whose name and message the guest may read, e.g. `TypeError: host not declared`. */
export class GuestVisibleError extends Error {
  constructor(
    override readonly name: 'TypeError' | 'QuotaExceededError' | 'DataError' | 'AbortError' | 'NetworkError',
    message: string,
    /** The limit whose breach this is. */
    readonly limit?: LimitName | undefined,
  ) {
    super(message);
  }
}

export interface RunnerInfo {
  readonly group: string;
  readonly pid: number;
  readonly startedAtMs: number;
  readonly rssBytes: number;
  readonly isolates: number;
  readonly inFlight: number;
  /** Calls it has taken so far. */
  readonly calls: number;
  /** A spare waits for its first guest; a draining one takes no more calls. */
  readonly state: 'spare' | 'active' | 'draining';
}

/**
 * Why a runner ended: over its memory, silent for too long, by itself, by breaking the protocol, by a signal from
 * outside, or because it was no longer needed.
 */
export type RunnerEnd = 'memory' | 'hang' | 'crash' | 'protocol' | 'killed' | 'stopped';

export interface RunnerLoss {
  readonly group: string;
  readonly pid: number;
  readonly end: RunnerEnd;
  readonly reason: string;
  /** Whose code ran last, where that is known; the cause in all likelihood, but for `killed`. */
  readonly culprit: Guest | undefined;
}

/** What lies between a runner and the machine, as it was found at start. */
export interface ContainmentReport {
  readonly network: 'namespace' | 'open';
  /** `own`: a user of its own for each runner; `engine`: the engine's; `root`: the engine's, and that is root. */
  readonly user: 'own' | 'engine' | 'root';
  readonly privileges: 'no-new' | 'open';
  readonly resources: 'limited' | 'open';
  /** `cgroup`: limited by the system; `watched`: ended by the engine within a tenth of a second. */
  readonly memory: 'cgroup' | 'watched' | 'unwatched';
  readonly files: 'permission-model';
}

export interface SandboxOptions {
  readonly services: HostServices;
  /** How isolates and runners come and go, where it differs from the defaults. */
  readonly limits?: Partial<SandboxLimits> | undefined;
  /** Told of every isolate that was dropped because it was at rest: its guest starts again with its next call. */
  readonly onEvicted?: ((guest: Guest, reason: string) => void) | undefined;
  /** Resident memory above which a runner is killed, MB; default 768. */
  readonly runnerMemoryMb?: number | undefined;
  /** Most pages of 64 KiB that one WebAssembly memory may have, whoever's; default 4096, which is 256 MB. */
  readonly wasmMaxPages?: number | undefined;
  readonly maxRunners?: number | undefined;
  /** Told of every runner that ended other than by `dispose`, for logs, metrics and quarantine. */
  readonly onRunnerLost?: ((event: RunnerLoss) => void) | undefined;
  /** First and last of the user ids that runners get where the engine is root; none: they stay root. */
  readonly runnerUserIds?: readonly [first: number, last: number] | undefined;
  /** A delegated folder of cgroup v2 for runners. */
  readonly runnerCgroup?: string | undefined;
  /** Told which layers of containment the host denied, once per start; never silent. */
  readonly onDegraded?: ((layer: string, reason: string) => void) | undefined;
}

/** Runs guests in runner processes. Made by `startSandbox(options): Promise<Sandbox>`. */
export interface Sandbox extends AsyncDisposable {
  /**
   * Calls the guest's `fetch` handler; starts its runner and isolate when they are not there.
   *
   * @throws Problem `cpu-limit`, `time-limit`, `memory-limit`, `runner-lost`, `proxylet-threw`, `proxylet-invalid`,
   *   `proxylet-bad-response`, `response-too-large`, `body-too-large`, `request-cancelled`, `engine-busy`
   */
  invoke(guest: Guest, request: GuestRequest): Promise<GuestResponse>;
  /**
   * Tells the guest's `scheduled` or `message` handler of an event, once at most. It is over when the handler and its
   * `waitUntil` promises are.
   *
   * @throws Problem as `invoke`, and `handler-missing`
   */
  deliver(guest: Guest, event: GuestEvent): Promise<void>;
  /** Starts the isolate and runs the module's top level without a call: tells whether a version can start. */
  warm(guest: Guest): Promise<void>;
  /** Drops the isolate of an installation, calls in flight included. */
  evict(guestId: string): void;
  /** The same, and answers these calls with the problem. */
  stop(guestId: string, problem: Problem): void;
  runners(): readonly RunnerInfo[];
  readonly containment: ContainmentReport;
}
