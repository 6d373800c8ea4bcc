import { Problem } from '@proxylet/contract';
import type {
  ContainmentReport,
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
import { type RunnerFiles, runnerFiles } from './runner-files.js';
import { Lanes } from './lanes.js';
import { type LinkOptions, RunnerLink } from './runner-link.js';
import { defaultLimits, runnerSettingsOf } from './sandbox-limits.js';
import { Tender } from './tender.js';
import { Trusted } from './trusted.js';

const defaultRunnerMemoryMb = 768;
const defaultMaxRunners = 64;
const defaultWasmMaxPages = 4096;
/** Memory of modules grows unseen until the resident size tells: runners with WebAssembly are watched closer. */
const wasmRunnerMemoryMb = 512;
/** Isolates made, in any runner, after which memory is looked at. */
const loadsBetweenTending = 8;

/** Starts the first spare runner, so that a fault of the installation shows at start and not at the first call. */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const files = runnerFiles();
  const containment = detectContainment({
    files: Object.values(files),
    userIds: options.runnerUserIds,
    cgroup: options.runnerCgroup,
    onFault: options.onDegraded,
  });
  for (const { layer, reason } of containment.denied) options.onDegraded?.(layer, reason);
  const pool = new RunnerPool(options, files, containment);
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
  private readonly tendTimer: NodeJS.Timeout;
  private readonly tender: Tender<RunnerLink>;
  private readonly lanes: Lanes;
  private spare: RunnerLink | undefined;
  private isDisposed = false;
  private loads = 0;

  readonly containment: ContainmentReport;

  constructor(options: SandboxOptions, files: RunnerFiles, containment: Containment) {
    this.containment = containment.report;
    this.maxRunners = options.maxRunners ?? defaultMaxRunners;
    this.wasmMaxPages = options.wasmMaxPages ?? defaultWasmMaxPages;
    const limits = { ...defaultLimits, ...options.limits };
    this.lanes = new Lanes(limits.heavyForMs);
    this.linkOptions = {
      settings: runnerSettingsOf(limits),
      trusted: new Trusted(),
      onHeavy: (guest) => this.separate(guest),
      onLoad: (link) => this.tendOnLoad(link),
      onRetired: (link) => this.takeOut(link),
      files,
      containment,
      services: options.services,
      memoryMb: options.runnerMemoryMb ?? defaultRunnerMemoryMb,
      onEnd: (link) => this.remove(link),
      onLoss: (link, end, reason, culprit) => {
        options.onRunnerLost?.({ group: link.group, pid: link.info().pid, end, reason, culprit });
      },
    };
    this.tender = new Tender(limits, this.linkOptions.memoryMb, {
      stop: (link) => {
        link.stop();
        this.remove(link);
      },
      replace: (link) => link.replace(),
      evicted: (guest, reason) => options.onEvicted?.(guest, reason),
    });
    this.tendTimer = setInterval(() => this.tender.tend([...this.all], Date.now()), limits.tendEveryMs);
    this.tendTimer.unref();
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
    try {
      await this.linkOf(guest).call(guest, undefined);
    } catch (error) {
      // A start does nothing that could not be done twice.
      if (!(error instanceof BystanderLoss)) throw error;
      await this.linkOf(guest).call(guest, undefined);
    }
  }

  evict(guestId: string): void {
    for (const link of this.all) link.evict(guestId);
  }

  stop(guestId: string, problem: Problem): void {
    for (const link of this.all) link.stopGuest(guestId, problem);
  }

  runners(): readonly RunnerInfo[] {
    return [...this.all].map((link) => link.info());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.isDisposed) return;
    this.isDisposed = true;
    clearInterval(this.tendTimer);
    for (const link of this.all) link.stop();
    this.all.clear();
    this.byGroup.clear();
  }

  private linkOf(guest: Guest): RunnerLink {
    const { name, hasWasm, isHeavy } = this.lanes.laneOf(guest);
    const known = this.byGroup.get(name);
    if (known !== undefined && !known.isOver) return known;
    if (this.isDisposed) throw new Problem('engine-busy', 'The engine is stopping.');
    const link = hasWasm ? this.makeWasm() : (this.spare ?? this.makeSpare());
    if (this.spare === link) this.spare = undefined;
    link.group = name;
    if (isHeavy) link.yieldCpu();
    this.byGroup.set(name, link);
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

  /** Many first calls in a row fill a runner faster than the clock comes by. */
  private tendOnLoad(link: RunnerLink): void {
    this.loads += 1;
    if (this.loads % loadsBetweenTending === 0) this.tender.relieve(link);
  }

  /** Its next call goes to the runner for heavy guests of its group; what it does now ends where it is. */
  private separate(guest: Guest): void {
    const link = this.byGroup.get(this.lanes.laneOf(guest).name);
    if (!this.lanes.markHeavy(guest.id)) return;
    link?.releaseGuest(guest.id);
  }

  private takeOut(link: RunnerLink): void {
    if (this.spare === link) this.spare = undefined;
    if (this.byGroup.get(link.group) === link) this.byGroup.delete(link.group);
    this.refill();
  }

  private remove(link: RunnerLink): void {
    this.all.delete(link);
    if (this.spare === link) this.spare = undefined;
    if (this.byGroup.get(link.group) === link) this.byGroup.delete(link.group);
  }
}
