import type { Sandbox } from '@proxylet/sandbox';
import { defaultLimitsOf, type EngineConfig } from './engine.config.js';
import type { CallMetrics } from './data-plane/call-metrics.js';
import type { EgressRules } from './egress/egress-rules.js';
import type { InstallationChanges } from './install/changes.js';
import type { Installer } from './install/installer.js';
import type { Installation } from './installations/installation.js';
import type { InstallationRegistry } from './installations/registry.js';
import type { KvStore } from './kv/kv-store.js';
import type { Breaches } from './limits/breaches.js';
import type { Quarantine } from './limits/quarantine.js';
import type { GuestLogs } from './logs/guest-logs.js';
import type { SecretVault } from './secrets/secret-vault.js';
import type { Bindings } from './start-bindings.js';
import type { EngineStore } from './store/engine-store.js';

export interface EngineParts {
  readonly config: EngineConfig;
  readonly store: EngineStore;
  readonly kv: KvStore;
  readonly rules: EgressRules;
  readonly logs: GuestLogs;
  readonly metrics: CallMetrics;
  readonly registry: InstallationRegistry;
  readonly sandbox: Sandbox;
  readonly changes: InstallationChanges;
  readonly installer: Installer;
  readonly quarantine: Quarantine;
  readonly breaches: Breaches;
  readonly vault: SecretVault;
  readonly bindings: Bindings;
  /** Runner processes that ended by themselves or were ended for what they did. */
  readonly runnersLost: () => number;
}

/** The engine without any framework: stores, sandbox, installer and what they share. Made by `startEngineCore`. */
export class EngineCore implements AsyncDisposable {
  constructor(
    readonly parts: EngineParts,
    private readonly resources: AsyncDisposable,
  ) {}

  /** Limits of one call as they are applied. */
  limitsOf({ manifest: { limits } }: Installation): { memoryMb: number; cpuMs: number; timeoutMs: number } {
    const defaults = defaultLimitsOf(this.parts.config);
    return {
      memoryMb: limits?.memoryMb ?? defaults.memoryMb,
      cpuMs: limits?.cpuMs ?? defaults.cpuMs,
      timeoutMs: limits?.timeoutMs ?? defaults.timeoutMs,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.resources[Symbol.asyncDispose]();
  }
}
