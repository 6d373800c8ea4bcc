import { Problem } from '@proxylet/contract';
import type {
  ContainmentReport,
  Guest,
  GuestEvent,
  GuestRequest,
  GuestResponse,
  RunnerInfo,
  Sandbox,
} from '@proxylet/sandbox';
import type { Active } from '../installations/active.js';
import type { SecretVault } from '../secrets/secret-vault.js';
import type { CpuShares } from './cpu-shares.js';
import type { Quarantine } from './quarantine.js';

export interface GuardOptions {
  /** By `Guest.id`. */
  readonly find: (guestId: string) => Active | undefined;
  readonly quarantine: Pick<Quarantine, 'refusal'>;
  readonly cpu: Pick<CpuShares, 'refusal'>;
  readonly vault: Pick<SecretVault, 'redact'>;
}

/** The sandbox with the engine's say in what may run now, whoever asks: a caller, another proxylet, a schedule. */
export class GuardedSandbox implements Sandbox {
  constructor(
    private readonly sandbox: Sandbox,
    private readonly options: GuardOptions,
  ) {}

  /** Rejects with `proxylet-quarantined`, or with what a call ends with. */
  invoke(guest: Guest, request: GuestRequest): Promise<GuestResponse> {
    const refusal = this.refusalOf(guest);
    if (refusal !== undefined) return Promise.reject(refusal);
    const answer = this.sandbox.invoke(guest, request);
    const { record } = this.options.find(guest.id) ?? {};
    if (record === undefined || (record.manifest.secrets ?? []).length === 0) return answer;
    return answer.catch((error: unknown) => this.withoutSecrets(record.id, error));
  }

  /** Rejects with `proxylet-quarantined`, or with what an event ends with. */
  deliver(guest: Guest, event: GuestEvent): Promise<void> {
    const refusal = this.refusalOf(guest);
    return refusal === undefined ? this.sandbox.deliver(guest, event) : Promise.reject(refusal);
  }

  /** Rejects with `proxylet-quarantined`, or with what a start ends with. */
  warm(guest: Guest): Promise<void> {
    const refusal = this.refusalOf(guest);
    return refusal === undefined ? this.sandbox.warm(guest) : Promise.reject(refusal);
  }

  evict(guestId: string): void {
    this.sandbox.evict(guestId);
  }

  stop(guestId: string, problem: Problem): void {
    this.sandbox.stop(guestId, problem);
  }

  get containment(): ContainmentReport {
    return this.sandbox.containment;
  }

  runners(): readonly RunnerInfo[] {
    return this.sandbox.runners();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.sandbox[Symbol.asyncDispose]();
  }

  private refusalOf(guest: Guest): Problem | undefined {
    const active = this.options.find(guest.id);
    if (active === undefined) return new Problem('not-installed', 'This installation is gone.');
    const { quarantine, cpu } = this.options;
    return quarantine.refusal(active.record) ?? cpu.refusal(active.record);
  }

  /** What a proxylet says of its failure goes to its callers, and they need not be its owner. */
  private withoutSecrets(installationId: string, error: unknown): never {
    if (!(error instanceof Problem)) throw error;
    const detail = this.options.vault.redact(installationId, error.detail);
    if (detail === error.detail) throw error;
    throw new Problem(error.code, detail, { retryAfterSeconds: error.retryAfterSeconds, cause: error.cause });
  }
}
