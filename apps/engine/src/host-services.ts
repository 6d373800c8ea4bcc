import {
  type Breach,
  type CacheOperation,
  type CacheResult,
  type Guest,
  type GuestLogEntry,
  GuestVisibleError,
  type HostServices,
  type KvOperation,
  type KvResult,
  type OnBehalf,
  type OutboundRequest,
  type OutboundResponse,
  type PublishedMessage,
} from '@proxylet/sandbox';
import type { CacheStore } from './cache/cache-store.js';
import type { DependencyCalls } from './dependency-calls.js';
import type { EgressGuard } from './egress/egress-guard.js';
import { type Active, hasCapability, hasKv } from './installations/active.js';
import type { InstallationRegistry } from './installations/registry.js';
import type { KvStore } from './kv/kv-store.js';
import type { Breaches } from './limits/breaches.js';
import type { CpuShares } from './limits/cpu-shares.js';
import type { GuestLogWriter } from './logs/guest-log-writer.js';
import type { SecretVault } from './secrets/secret-vault.js';
import type { Topics } from './topics/topics.js';

export interface EngineServicesParts {
  readonly registry: InstallationRegistry;
  readonly kv: KvStore;
  readonly egress: EgressGuard;
  readonly logs: GuestLogWriter;
  readonly dependencies: DependencyCalls;
  readonly breaches: Breaches;
  readonly cpu: CpuShares;
  readonly vault: Pick<SecretVault, 'redact'>;
  readonly topics: Pick<Topics, 'publishFrom'>;
  readonly cache: Pick<CacheStore, 'run'>;
}

/**
 * What guests reach of this engine. Who asks is looked up by the guest's id among what is installed now, and every
 * right is read from that record: a runner that untrusted code took over gains nothing by what it says.
 */
export class EngineServices implements HostServices {
  constructor(private readonly parts: EngineServicesParts) {}

  async fetch(guest: Guest, request: OutboundRequest, signal: AbortSignal): Promise<OutboundResponse> {
    const { record } = this.known(guest);
    const subject = { installationId: record.id, proxylet: record.name, granted: record.granted.fetch };
    return this.parts.egress.fetch(subject, request, signal);
  }

  async call(
    guest: Guest,
    name: string,
    request: OutboundRequest,
    onBehalf: OnBehalf,
    signal: AbortSignal,
  ): Promise<OutboundResponse> {
    return this.parts.dependencies.call(this.known(guest), name, request, onBehalf, signal);
  }

  kv(guest: Guest, operation: KvOperation): KvResult {
    const { record } = this.known(guest);
    if (!hasKv(record.granted)) {
      throw new GuestVisibleError(
        'TypeError',
        'KV is not granted; the manifest needs "capabilities": ["kv"].',
      );
    }
    return this.parts.kv.run(record.id, operation);
  }

  cache(guest: Guest, operation: CacheOperation): Promise<CacheResult> | CacheResult {
    const { record } = this.known(guest);
    if (!hasCapability(record.granted, 'cache')) {
      throw new GuestVisibleError(
        'TypeError',
        'Caches are not granted; the manifest needs "capabilities": ["cache"].',
      );
    }
    return this.parts.cache.run(record.id, operation);
  }

  async publish(guest: Guest, message: PublishedMessage, onBehalf: OnBehalf): Promise<void> {
    await this.parts.topics.publishFrom(this.known(guest).record, message, onBehalf);
  }

  log(guest: Guest, entries: readonly GuestLogEntry[]): void {
    const active = this.parts.registry.guest(guest.id);
    if (active === undefined) return;
    const { id } = active.record;
    const clean = entries.map((entry) => ({ ...entry, text: this.parts.vault.redact(id, entry.text) }));
    this.parts.logs.write(active.record, clean);
  }

  breach(guest: Guest, breach: Breach): void {
    const active = this.parts.registry.guest(guest.id);
    if (active !== undefined) this.parts.breaches.add(active.record, breach);
  }

  used(guest: Guest, cpuMs: number): void {
    const active = this.parts.registry.guest(guest.id);
    if (active !== undefined) this.parts.cpu.used(active, cpuMs);
  }

  private known(guest: Guest): Active {
    const active = this.parts.registry.guest(guest.id);
    if (active === undefined) throw new GuestVisibleError('AbortError', 'This installation is gone.');
    return active;
  }
}
