import { Problem } from '@proxylet/contract';
import type {
  Guest,
  GuestLogEntry,
  GuestRequest,
  GuestResponse,
  HostServices,
  RunnerEnd,
  RunnerInfo,
} from '../types.js';
import { isLimitName, type LimitName, limitSeenHere } from '../limits.js';
import { type Frame, FrameReader, FrameWriter, toEngine, toRunner, writeParts } from '../wire/frames.js';
import { encodeCallHead, type LoadMessage, splitHead } from '../wire/messages.js';
import { BystanderLoss } from './bystander-loss.js';
import type { Containment } from './containment.js';
import { bodyTooLarge, type CallLink, HostCall } from './call.js';
import { LateCalls } from './late-calls.js';
import { Heartbeat } from './heartbeat.js';
import { HostOps } from './ops.js';
import type { RunnerFiles } from './runner-files.js';
import { RunnerProcess } from './runner-process.js';

export interface LinkOptions {
  readonly files: RunnerFiles;
  readonly containment: Containment;
  readonly services: HostServices;
  readonly memoryMb: number;
  /** Only for runners with WebAssembly. */
  readonly wasmMaxPages?: number | undefined;
  readonly onEnd: (link: RunnerLink, end: RunnerEnd, detail: string, culprit: Guest | undefined) => void;
}

interface LoadedGuest {
  readonly key: number;
  readonly guest: Guest;
}

/** One runner and the calls that are on it. */
export class RunnerLink implements CallLink {
  readonly writer: FrameWriter;
  readonly ready: Promise<void>;
  /** Empty while the runner is a spare. */
  group = '';
  lastUsedMs = Date.now();
  isOver = false;
  private isStopping = false;
  private isFlushScheduled = false;
  private lastCallId = 0;
  private lastKey = 0;
  private readonly calls = new Map<number, HostCall>();
  private readonly late = new LateCalls();
  private readonly loadedById = new Map<string, LoadedGuest>();
  private readonly loadedByKey = new Map<number, LoadedGuest>();
  private readonly process: RunnerProcess;
  private readonly ops: HostOps;
  private readonly heartbeat: Heartbeat;
  private resolveReady: () => void = () => undefined;
  private rejectReady: (error: Problem) => void = () => undefined;

  constructor(private readonly options: LinkOptions) {
    this.ready = new Promise((resolve, reject) => {
      this.resolveReady = resolve;
      this.rejectReady = reject;
    });
    this.ready.catch(() => undefined);
    this.process = new RunnerProcess(
      options.files,
      options.containment,
      (end, culprit, detail) => this.ended(end, culprit, detail),
      options.wasmMaxPages,
    );
    this.writer = new FrameWriter((parts) => writeParts(this.process.socket, parts));
    this.ops = new HostOps(options.services, this.writer, () => this.flushSoon());
    this.heartbeat = new Heartbeat(this.process, options.memoryMb, {
      ping: (id) => {
        this.writer.frame(toRunner.ping, id);
        this.writer.flush();
      },
      longestCpuMs: () => Math.max(0, ...[...this.calls.values()].map((call) => call.guest.limits.cpuMs)),
      largestMemoryMb: () =>
        Math.max(8, ...[...this.calls.values()].map((call) => call.guest.limits.memoryMb)),
      isBusy: () => this.calls.size > 0,
    });
    this.listen();
    // Not only once it is ready: a call may be waiting in a runner that never gets there.
    this.heartbeat.start();
  }

  get inFlight(): number {
    return this.calls.size;
  }

  info(): RunnerInfo {
    const { pid, startedAtMs, rssBytes } = this.process;
    return {
      group: this.group,
      pid,
      startedAtMs,
      rssBytes,
      isolates: this.loadedById.size,
      inFlight: this.calls.size,
    };
  }

  /** @throws Problem whatever the call ends with */
  async call(guest: Guest, request: GuestRequest | undefined): Promise<GuestResponse> {
    this.lastUsedMs = Date.now();
    const key = this.loadedById.get(guest.id)?.key ?? (await this.load(guest));
    if (this.isOver) throw new BystanderLoss(lostDetail);
    if (request?.signal.aborted === true) throw new Problem('request-cancelled', 'The caller went away.');
    const { promise, resolve, reject } = Promise.withResolvers<GuestResponse>();
    this.lastCallId = (this.lastCallId % 0xffff_fffe) + 1;
    const call = new HostCall(this.lastCallId, guest, request, this, resolve, reject);
    this.calls.set(call.id, call);
    this.send(call, key, request);
    this.flushSoon();
    return promise;
  }

  evict(guestId: string): void {
    const loaded = this.loadedById.get(guestId);
    if (loaded === undefined) return;
    this.forget(loaded);
    this.writer.frame(toRunner.unload, 0, loaded.key);
    this.flushSoon();
  }

  stop(): void {
    this.isStopping = true;
    this.process.kill('stopped');
  }

  flushSoon(): void {
    if (this.isFlushScheduled) return;
    this.isFlushScheduled = true;
    setImmediate(() => {
      this.isFlushScheduled = false;
      if (!this.isOver) this.writer.flush();
    });
  }

  finished(call: HostCall): void {
    this.calls.delete(call.id);
    // Its runner hears of the end only now, and may go on with work after it.
    if (call.isPassedOn) this.late.add(call);
  }

  failed({ guest, traceId }: HostCall, { code, detail }: Problem): void {
    const limit = limitSeenHere(code);
    if (limit !== undefined) this.options.services.breach(guest, { limit, detail, traceId });
  }

  private send(call: HostCall, key: number, request: GuestRequest | undefined): void {
    if (request === undefined) {
      this.writer.frame(toRunner.call, call.id, key);
      return;
    }
    const { method, url, user, traceId, headers, body } = request;
    const head = encodeCallHead(method, url, JSON.stringify(user), traceId, headers);
    if (body === undefined || body instanceof Uint8Array) {
      if (body !== undefined && body.length > call.guest.limits.bodyBytes) {
        call.fail(bodyTooLarge(call.guest.limits.bodyBytes));
        return;
      }
      this.writer.frame(toRunner.call, call.id, key, head, body);
      return;
    }
    this.writer.frame(toRunner.callStreaming, call.id, key, head);
    call.streamBody(body);
  }

  private async load(guest: Guest): Promise<number> {
    const { source, filename } = await guest.loadCode();
    if (this.isOver) throw new BystanderLoss(lostDetail);
    const known = this.loadedById.get(guest.id);
    if (known !== undefined) return known.key;
    this.lastKey += 1;
    const loaded = { key: this.lastKey, guest };
    this.loadedById.set(guest.id, loaded);
    this.loadedByKey.set(loaded.key, loaded);
    const { limits, bindings, name, version } = guest;
    const message: LoadMessage = {
      filename,
      ...limits,
      ...bindings,
      dependencies: Object.keys(bindings.dependencies),
      installation: { name, version },
    };
    this.writer.frame(toRunner.load, 0, loaded.key, JSON.stringify(message), Buffer.from(source, 'utf8'));
    return loaded.key;
  }

  private listen(): void {
    const reader = new FrameReader((frame) => this.handle(frame));
    this.process.socket.on('data', (data: Buffer) => {
      try {
        reader.push(data);
      } catch {
        this.process.kill('protocol');
      }
    });
  }

  private handle({ type, id, arg, text, bytes }: Frame): void {
    switch (type) {
      case toEngine.response:
        if (arg === 1) this.late.add(this.calls.get(id));
        this.calls.get(id)?.respond(text, bytes, false);
        break;
      case toEngine.responseStreaming:
        this.calls.get(id)?.respond(text, bytes, true);
        break;
      case toEngine.responseFrom:
        this.respondFrom(id, arg, text);
        break;
      case toEngine.chunk:
        this.calls.get(id)?.chunk(bytes);
        break;
      case toEngine.end:
        this.late.add(this.calls.get(id));
        this.calls.get(id)?.end();
        break;
      case toEngine.abort:
        this.calls.get(id)?.failWith('proxylet-threw', text.slice(0, 8192));
        break;
      case toEngine.failed:
        this.calls.get(id)?.failed(...splitHead(text));
        break;
      case toEngine.settled:
        this.late.delete(id);
        break;
      case toEngine.requestCredit:
        this.calls.get(id)?.grantRequest(arg);
        break;
      case toEngine.op: {
        const loaded = this.loadedByKey.get(arg);
        if (loaded !== undefined) this.startOp(id, loaded.guest, text, bytes);
        break;
      }
      case toEngine.opCancel:
        this.ops.cancel(id);
        break;
      case toEngine.opCredit:
        this.ops.grant(id, arg);
        break;
      case toEngine.socketOpen:
        this.calls.get(id)?.openSocket(text);
        break;
      case toEngine.socketMessage:
        this.calls.get(id)?.socketMessage(arg === 1, text, bytes);
        break;
      case toEngine.socketClose:
        this.calls.get(id)?.socketClose(arg, text);
        break;
      case toEngine.socketCredit:
        this.calls.get(id)?.socketTaken(arg);
        break;
      case toEngine.opChunk:
        this.ops.upload(id, bytes);
        break;
      case toEngine.opChunkEnd:
        this.ops.uploadEnded(id);
        break;
      case toEngine.log:
        this.log(id, arg, text);
        break;
      case toEngine.breach:
        this.breach(id, arg, text);
        break;
      case toEngine.loaded:
        this.calls.get(id)?.loaded();
        break;
      case toEngine.unloaded: {
        const loaded = this.loadedByKey.get(arg);
        if (loaded !== undefined) this.forget(loaded);
        break;
      }
      case toEngine.pong:
        this.heartbeat.pong(id);
        break;
      case toEngine.ready:
        // From here on an open call's timer keeps the engine alive, an idle runner does not.
        this.process.unref();
        this.resolveReady();
        break;
      default:
        throw new RangeError(`unknown frame type ${type}`);
    }
  }

  /** An answer whose body the engine holds: that of an operation, 0 for the call's own request. */
  private respondFrom(id: number, from: number, text: string): void {
    const call = this.calls.get(id);
    call?.respondFrom(text, from === 0 ? call.takeRequestBody() : this.ops.takeBody(from, call.guest));
  }

  /** Text: `kind call body` and, on the lines after it, the payload. */
  private startOp(id: number, guest: Guest, text: string, bytes: Buffer): void {
    const [head, payload] = splitHead(text);
    const [kind = '', callId = '', bodyFrom = ''] = head.split(' ');
    const named = this.calls.get(Number(callId)) ?? this.late.get(Number(callId));
    const call = named?.guest === guest ? named : undefined;
    const body = bodyFrom === 'request' ? call?.takeRequestBody() : undefined;
    this.ops.start(id, {
      guest,
      callId: Number(callId),
      kind,
      payload,
      bytes,
      onBehalf: call?.onBehalf,
      bodyFrom,
      body,
    });
  }

  private log(callId: number, key: number, text: string): void {
    const loaded = this.loadedByKey.get(key);
    if (loaded === undefined) return;
    const [at = '', level = '', json = '""'] = text.split('\t');
    const entry: GuestLogEntry = {
      atMs: Number(at) || Date.now(),
      level: level === 'debug' || level === 'warn' || level === 'error' ? level : 'info',
      text: String(JSON.parse(json)),
      traceId: this.calls.get(callId)?.traceId,
    };
    this.options.services.log(loaded.guest, [entry]);
  }

  private breach(callId: number, key: number, limit: string): void {
    const loaded = this.loadedByKey.get(key);
    if (loaded === undefined || !isLimitName(limit)) return;
    const traceId = this.calls.get(callId)?.traceId;
    this.options.services.breach(loaded.guest, { limit, detail: guestBreaches[limit] ?? '', traceId });
  }

  private forget(loaded: LoadedGuest): void {
    this.loadedByKey.delete(loaded.key);
    if (this.loadedById.get(loaded.guest.id) === loaded) this.loadedById.delete(loaded.guest.id);
  }

  private ended(end: RunnerEnd, culpritKey: number, detail: string): void {
    if (this.isOver) return;
    this.isOver = true;
    this.heartbeat.stop();
    this.ops.dispose();
    this.rejectReady(
      new Problem('engine-busy', 'A runner process could not be started.', {
        retryAfterSeconds: 1,
        cause: new Error(detail),
      }),
    );
    const culprit = this.loadedByKey.get(culpritKey)?.guest;
    for (const call of this.calls.values()) {
      if (call.guest === culprit && !this.isStopping) call.fail(culpritProblem(end, call.guest));
      else call.fail(new BystanderLoss(lostDetail));
    }
    const blamed = culprit === undefined ? '' : ` while ${culprit.name}@${culprit.version} ran`;
    if (!this.isStopping) this.options.onEnd(this, end, `${end}${blamed}: ${detail}`, culprit);
  }
}

/** What is said about a breach that shows inside the isolate. */
const guestBreaches: Partial<Record<LimitName, string>> = {
  headers: 'It made more headers than 64 KB.',
  log: 'It logged more than 64 KB in one call; later lines of the call are lost.',
  timers: 'It set more timers than it may have at once.',
  operations: 'It started more operations than it may have at once.',
};

const lostDetail = 'The process that ran the proxylet ended; the call may be tried again.';

function lost(): Problem {
  return new Problem('runner-lost', lostDetail, { retryAfterSeconds: 1 });
}

/** What the calls of the guest are told that ran when its runner ended. */
function culpritProblem(end: RunnerEnd, guest: Guest): Problem {
  switch (end) {
    case 'memory':
      return new Problem('memory-limit', `It used more than its ${guest.limits.memoryMb} MB of memory.`, {
        retryAfterSeconds: 1,
      });
    case 'hang':
      return new Problem(
        'cpu-limit',
        `It could not be stopped at its ${guest.limits.cpuMs} ms of CPU time and was killed.`,
      );
    case 'crash':
    case 'protocol':
    case 'killed':
    case 'stopped':
      return lost();
    default:
      return end satisfies never;
  }
}
