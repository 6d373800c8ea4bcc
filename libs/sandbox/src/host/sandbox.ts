import { Problem } from '@proxylet/contract';
import type {
  Guest,
  GuestEvent,
  GuestRequest,
  GuestResponse,
  RunnerInfo,
  Sandbox,
  SandboxOptions,
} from '../types.js';
import { BystanderLoss, isReplayable } from './bystander-loss.js';
import { type Containment, detectContainment } from './containment.js';
import { eventRequest } from './event-request.js';
import { runnerFiles } from './runner-files.js';
import { type LinkOptions, RunnerLink } from './runner-link.js';

const defaultRunnerMemoryMb = 768;
const defaultMaxRunners = 64;
const defaultWasmMaxPages = 4096;
/** Memory of modules grows unseen until the resident size tells: runners with WebAssembly are watched closer. */
const wasmRunnerMemoryMb = 512;
/** A runner without calls for this long is stopped; its guests start again when somebody calls. */
const idleRunnerMs = 10 * 60 * 1000;
const idleCheckMs = 30 * 1000;

/** Starts the first spare runner, so that a fault of the installation shows at start and not at the first call. */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const containment = detectContainment();
  for (const { layer, reason } of containment.denied) options.onDegraded?.(layer, reason);
  const pool = new RunnerPool(options, containment);
  await pool.prepare();
  return pool;
}

/** Runner processes by group, and one spare so that no call waits for a process to start. */
class RunnerPool implements Sandbox {
  private readonly byGroup = new Map<string, RunnerLink>();
  private readonly all = new Set<RunnerLink>();
  private readonly linkOptions: LinkOptions;
  private readonly wasmMaxPages: number;
  private readonly maxRunners: number;
  private readonly idleTimer: NodeJS.Timeout;
  private spare: RunnerLink | undefined;
  private isDisposed = false;

  constructor(options: SandboxOptions, containment: Containment) {
    this.maxRunners = options.maxRunners ?? defaultMaxRunners;
    this.wasmMaxPages = options.wasmMaxPages ?? defaultWasmMaxPages;
    this.linkOptions = {
      files: runnerFiles(),
      containment,
      services: options.services,
      memoryMb: options.runnerMemoryMb ?? defaultRunnerMemoryMb,
      onEnd: (link, end, reason, culprit) => {
        this.remove(link);
        options.onRunnerLost?.({ group: link.group, pid: link.info().pid, end, reason, culprit });
      },
    };
    this.idleTimer = setInterval(() => this.stopIdle(), idleCheckMs);
    this.idleTimer.unref();
  }

  async prepare(): Promise<void> {
    await this.makeSpare().ready;
  }

  async invoke(guest: Guest, request: GuestRequest): Promise<GuestResponse> {
    if (request.signal.aborted) throw new Problem('request-cancelled', 'The caller went away.');
    try {
      return await this.linkOf(guest).call(guest, request);
    } catch (error) {
      // Once: what happens again is no accident.
      if (!(error instanceof BystanderLoss) || !isReplayable(request)) throw error;
      return this.linkOf(guest).call(guest, request);
    }
  }

  async deliver(guest: Guest, event: GuestEvent): Promise<void> {
    await this.invoke(guest, eventRequest(guest, event));
  }

  async warm(guest: Guest): Promise<void> {
    await this.linkOf(guest).call(guest, undefined);
  }

  evict(guestId: string): void {
    for (const link of this.all) link.evict(guestId);
  }

  runners(): readonly RunnerInfo[] {
    return [...this.all].map((link) => link.info());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.isDisposed) return;
    this.isDisposed = true;
    clearInterval(this.idleTimer);
    for (const link of this.all) link.stop();
    this.all.clear();
    this.byGroup.clear();
  }

  private linkOf({ group: ownGroup, bindings }: Guest): RunnerLink {
    const hasWasm = bindings.wasm === true;
    const group = hasWasm ? `wasm:${ownGroup}` : ownGroup;
    const known = this.byGroup.get(group);
    if (known !== undefined && !known.isOver) return known;
    if (this.isDisposed) throw new Problem('engine-busy', 'The engine is stopping.');
    const link = hasWasm ? this.makeWasm() : (this.spare ?? this.makeSpare());
    if (this.spare === link) this.spare = undefined;
    link.group = group;
    this.byGroup.set(group, link);
    // Not at once: the call that took the spare comes first.
    setTimeout(() => this.refill(), 50).unref();
    return link;
  }

  private refill(): void {
    if (!this.isDisposed && this.spare === undefined && this.all.size < this.maxRunners) this.makeSpare();
  }

  private makeSpare(): RunnerLink {
    const link = this.make(this.linkOptions);
    this.spare = link;
    return link;
  }

  /** None is kept in reserve: few proxylets have WebAssembly. */
  private makeWasm(): RunnerLink {
    const memoryMb = Math.min(this.linkOptions.memoryMb, wasmRunnerMemoryMb);
    return this.make({ ...this.linkOptions, memoryMb, wasmMaxPages: this.wasmMaxPages });
  }

  private make(options: LinkOptions): RunnerLink {
    if (this.all.size >= this.maxRunners) this.makeRoom();
    const link = new RunnerLink(options);
    this.all.add(link);
    return link;
  }

  private makeRoom(): void {
    const idle = [...this.all]
      .filter((link) => link.inFlight === 0)
      .toSorted((a, b) => a.lastUsedMs - b.lastUsedMs);
    const oldest = idle[0];
    if (oldest === undefined) {
      throw new Problem('engine-busy', 'All runner processes of this engine are busy.', {
        retryAfterSeconds: 1,
      });
    }
    oldest.stop();
    this.remove(oldest);
  }

  private stopIdle(): void {
    const before = Date.now() - idleRunnerMs;
    for (const link of this.byGroup.values()) {
      if (link.inFlight > 0 || link.lastUsedMs > before) continue;
      link.stop();
      this.remove(link);
    }
  }

  private remove(link: RunnerLink): void {
    this.all.delete(link);
    if (this.spare === link) this.spare = undefined;
    if (this.byGroup.get(link.group) === link) this.byGroup.delete(link.group);
  }
}
