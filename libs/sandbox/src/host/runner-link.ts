import { Problem } from '@proxylet/contract';
import type { Guest, GuestRequest, GuestResponse, HostServices, RunnerEnd, RunnerInfo } from '../types.js';
import { limitSeenHere } from '../limits.js';
import { type Frame, FrameReader, FrameWriter, toEngine, toRunner, writeParts } from '../wire/frames.js';
import type { RunnerSettings } from '../wire/runner-settings.js';
import { encodeCallHead, splitHead } from '../wire/messages.js';
import { BystanderLoss } from './bystander-loss.js';
import type { Containment } from './containment.js';
import { bodyTooLarge, type CallLink, HostCall } from './call.js';
import { LateCalls } from './late-calls.js';
import { fatalBreaches } from './guest-breaches.js';
import { GuestReports } from './guest-reports.js';
import { Heartbeat } from './heartbeat.js';
import { HostOps } from './ops.js';
import { type LoadedGuest, LoadedGuests } from './loaded-guests.js';
import { loadMessageOf } from './load-message.js';
import { lowerPriority } from './proc.js';
import { runnerArguments, type RunnerFiles } from './runner-files.js';
import { culpritProblem, lostDetail } from './runner-loss.js';
import { RunnerProcess } from './runner-process.js';
import type { Trusted } from './trusted.js';

export interface LinkOptions {
  readonly files: RunnerFiles;
  readonly containment: Containment;
  readonly services: HostServices;
  readonly memoryMb: number;
  readonly settings: RunnerSettings;
  readonly trusted: Trusted;
  /** A guest takes more of the CPU than its neighbours should bear. */
  readonly onHeavy: (guest: Guest) => void;
  /** Another isolate is made in it. */
  readonly onLoad: (link: RunnerLink) => void;
  /** The runner takes no more calls; those it has may end. */
  readonly onRetired: (link: RunnerLink) => void;
  /** Only for runners with WebAssembly. */
  readonly wasmMaxPages?: number | undefined;
  /** It ended, or is about to since one of its threads did, and not because it was told to. */
  readonly onLoss: (link: RunnerLink, end: RunnerEnd, detail: string, culprit: Guest | undefined) => void;
  readonly onEnd: (link: RunnerLink) => void;
}

/** The engine's own watch comes first: it knows whose doing it is. */
const cgroupSlackMb = 64;
/** After a thread was lost, how long the calls of other guests may take to end, ms (isolates.md R5). */
const lossDrainMs = 2000;
const drainGraceMs = 5000;

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
  private callCount = 0;
  private isRetired = false;
  private isLossTold = false;
  /** Kills it when its last call is over. */
  private lastAct: (() => void) | undefined;
  private blamed: Guest | undefined;
  private readonly calls = new Map<number, HostCall>();
  private readonly late = new LateCalls();
  private readonly guests = new LoadedGuests();
  private readonly reports: GuestReports;
  private readonly process: RunnerProcess;
  private readonly ops: HostOps;
  private readonly heartbeat: Heartbeat;
  private resolveReady: () => void = () => undefined;
  private rejectReady: (error: Problem) => void = () => undefined;

  constructor(private readonly options: LinkOptions) {
    const traceIdOf = (callId: number): string | undefined =>
      (this.calls.get(callId) ?? this.late.get(callId))?.traceId;
    this.reports = new GuestReports(options.services, this.guests, traceIdOf);
    this.ready = new Promise((resolve, reject) => {
      this.resolveReady = resolve;
      this.rejectReady = reject;
    });
    this.ready.catch(() => undefined);
    this.process = new RunnerProcess(
      options.containment,
      runnerArguments(options.files, options.settings, options.wasmMaxPages),
      options.memoryMb + cgroupSlackMb,
      (end, culprit, detail) => this.ended(end, culprit, detail),
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
      isolates: this.guests.size,
      inFlight: this.calls.size,
      calls: this.callCount,
      state: this.isRetired ? 'draining' : this.group === '' ? 'spare' : 'active',
    };
  }

  /** @throws Problem whatever the call ends with */
  async call(guest: Guest, request: GuestRequest | undefined): Promise<GuestResponse> {
    this.lastUsedMs = Date.now();
    const loaded = this.guests.ofId(guest.id) ?? (await this.load(guest));
    loaded.lastUsedMs = this.lastUsedMs;
    this.callCount += 1;
    if (this.isOver) throw new BystanderLoss(lostDetail);
    if (request?.signal.aborted === true) throw new Problem('request-cancelled', 'The caller went away.');
    const { promise, resolve, reject } = Promise.withResolvers<GuestResponse>();
    this.lastCallId = (this.lastCallId % 0xffff_fffe) + 1;
    const call = new HostCall(this.lastCallId, guest, request, this, resolve, reject);
    this.calls.set(call.id, call);
    this.send(call, loaded.key, request);
    this.flushSoon();
    return promise;
  }

  evict(guestId: string): void {
    const loaded = this.guests.ofId(guestId);
    if (loaded === undefined) return;
    this.guests.forget(loaded);
    this.writer.frame(toRunner.unload, 0, loaded.key);
    this.flushSoon();
  }

  /** Isolates without a call and without work after one, the least recently used first. */
  idleGuests(): LoadedGuest[] {
    const busy = new Set([...this.calls.values()].map((call) => call.guest));
    for (const guest of this.late.guests()) busy.add(guest);
    return [...this.guests.all()]
      .filter(({ guest }) => !busy.has(guest))
      .toSorted((a, b) => a.lastUsedMs - b.lastUsedMs);
  }

  /** The isolate goes when whatever it does is over; the next call makes a new one. */
  release(loaded: LoadedGuest): void {
    this.guests.leave(loaded);
    this.writer.frame(toRunner.unload, 1, loaded.key);
    this.flushSoon();
  }

  releaseGuest(guestId: string): void {
    const loaded = this.guests.ofId(guestId);
    if (loaded !== undefined) this.release(loaded);
  }

  /** Leaves the CPU to others where they want it. */
  yieldCpu(): void {
    lowerPriority(this.process.pid);
  }

  /** Takes no more calls, and ends as soon as those it has, and their late work, may take at most. */
  replace(): void {
    const busy = [...[...this.calls.values()].map(({ guest }) => guest), ...this.late.guests()];
    this.retire(Math.max(0, ...busy.map(({ limits }) => limits.timeoutMs)) * 2 + drainGraceMs);
  }

  /** Takes no more calls, and ends with the last one it has, at the latest after the time given. */
  retire(withinMs: number, kill: () => void = () => this.stop()): void {
    if (this.isRetired) return;
    this.isRetired = true;
    this.options.onRetired(this);
    const timer = setTimeout(kill, withinMs);
    timer.unref();
    this.lastAct = () => {
      clearTimeout(timer);
      kill();
    };
    this.endIfDone();
  }

  stopGuest(guestId: string, problem: Problem): void {
    for (const call of this.calls.values()) if (call.guest.id === guestId) call.fail(problem);
    this.evict(guestId);
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
    this.endIfDone();
  }

  failed({ guest, traceId }: HostCall, { code, detail }: Problem): void {
    const limit = limitSeenHere(code);
    if (limit !== undefined) this.options.services.breach(guest, { limit, detail, traceId });
  }

  private endIfDone(): void {
    if (this.lastAct === undefined || this.isOver || this.calls.size > 0) return;
    if (this.late.guests().length === 0) this.lastAct();
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

  private async load(guest: Guest): Promise<LoadedGuest> {
    const { source, filename } = await guest.loadCode();
    if (this.isOver) throw new BystanderLoss(lostDetail);
    const known = this.guests.ofId(guest.id);
    if (known !== undefined) return known;
    const loaded = this.guests.add(guest, this.lastUsedMs);
    this.options.onLoad(this);
    const message = loadMessageOf(guest, filename, this.options.trusted.of(guest.id));
    this.writer.frame(toRunner.load, 0, loaded.key, message, Buffer.from(source, 'utf8'));
    return loaded;
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
        this.endIfDone();
        break;
      case toEngine.requestCredit:
        this.calls.get(id)?.grantRequest(arg);
        break;
      case toEngine.op:
        this.forKey(arg, ({ guest }) => this.startOp(id, guest, text, bytes));
        break;
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
        this.reports.log(id, arg, text);
        break;
      case toEngine.usage:
        this.heartbeat.metered();
        this.reports.used(arg, id / 1000);
        break;
      case toEngine.breach:
        this.reports.breach(id, arg, text);
        break;
      case toEngine.loaded:
        this.calls.get(id)?.loaded();
        break;
      case toEngine.unloaded: {
        const loaded = this.guests.ofKey(arg);
        if (loaded === undefined) break;
        this.guests.forget(loaded);
        if (fatalBreaches.has(text)) this.options.trusted.set(loaded.guest.id, 'none');
        break;
      }
      case toEngine.earned:
        this.forKey(arg, ({ guest }) => this.options.trusted.told(guest.id, text, id));
        break;
      case toEngine.worn:
        this.forKey(arg, (loaded) => this.release(loaded));
        break;
      case toEngine.heavy:
        this.forKey(arg, ({ guest }) => this.options.onHeavy(guest));
        break;
      case toEngine.lost:
        this.threadLost(text === 'memory-limit' ? 'memory' : 'hang', this.guests.culprit(arg));
        break;
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

  private forKey(key: number, act: (loaded: LoadedGuest) => void): void {
    const loaded = this.guests.ofKey(key);
    if (loaded !== undefined) act(loaded);
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

  /** Its calls have been told; every other guest's may end, and the process with them. */
  private threadLost(end: 'memory' | 'hang', culprit: Guest | undefined): void {
    this.process.lossTold();
    this.blamed ??= culprit;
    this.tellLoss(end, 'one of its threads could not be stopped');
    this.retire(lossDrainMs, () => this.process.kill(end));
  }

  private ended(seen: RunnerEnd, culpritKey: number, detail: string): void {
    if (this.isOver) return;
    // A built-in that does not hear of its time limit makes isolated-vm give up by a crash after 5 s.
    const end = seen === 'crash' && this.heartbeat.isSilent ? 'hang' : seen;
    this.isOver = true;
    this.heartbeat.stop();
    this.ops.dispose();
    this.rejectReady(
      new Problem('engine-busy', 'A runner process could not be started.', {
        retryAfterSeconds: 1,
        cause: new Error(detail),
      }),
    );
    const culprit = this.blamed ?? this.guests.culprit(culpritKey);
    if (culprit !== undefined) {
      this.options.trusted.set(culprit.id, 'none');
      this.options.services.used(culprit, Math.min(this.heartbeat.unmeteredMs, culprit.limits.cpuMs * 2));
    }
    for (const call of this.calls.values()) {
      if (call.guest === culprit && !this.isStopping) call.fail(culpritProblem(end, call.guest));
      else call.fail(new BystanderLoss(lostDetail));
    }
    this.blamed = culprit;
    if (!this.isStopping) this.tellLoss(end, detail);
    this.options.onEnd(this);
  }

  private tellLoss(end: RunnerEnd, detail: string): void {
    if (this.isLossTold) return;
    this.isLossTold = true;
    const by = this.blamed === undefined ? '' : ` while ${this.blamed.name}@${this.blamed.version} ran`;
    this.options.onLoss(this, end, `${end}${by}: ${detail}`, this.blamed);
  }
}
