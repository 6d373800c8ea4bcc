import type { Guest, GuestCode, GuestLimits } from '@proxylet/sandbox';
import { bindingOf, type Permissions, parseCapability, type Problem } from '@proxylet/contract';
import type { CallStats } from '../data-plane/call-metrics.js';
import { mergedSettings } from '../install/config-schema.js';
import type { Installation } from './installation.js';

/** What every guest of this engine is made with. */
export interface GuestSettings {
  readonly isolation: 'shared' | 'namespace' | 'installation';
  /** Versions that ended a runner get one of their own. */
  readonly isSuspect: (name: string, version: string) => boolean;
  /** For what a manifest does not name. */
  readonly defaultLimits: Omit<GuestLimits, 'bodyBytes' | 'subrequests'>;
  readonly bodyBytes: number;
  readonly subrequests: number;
  /** Opens what is stored for the names it was granted. */
  readonly secretsOf: (record: Installation) => Readonly<Record<string, string>>;
}

/** An installation that takes calls: its record, the guest behind it, and what a call needs at hand. */
export class Active {
  /** Calls under way; kept by the data plane. */
  inFlight = 0;
  /** Why its code could not be loaded from disk; a call then ends with this. */
  fault: Problem | undefined;
  /** Told when the last call of a retired installation has ended. */
  onIdle: (() => void) | undefined;

  constructor(
    /** Replaced where only its bookkeeping changes. */
    public record: Installation,
    readonly guest: Guest,
    readonly stats: CallStats,
  ) {}

  /** A call has been answered: whatever was idle runs. */
  ran(): void {
    if (this.record.state !== 'idle') return;
    this.record = { ...this.record, state: 'running', reason: 'called', sinceMs: Date.now() };
  }

  /** Its isolate was dropped; its data stays, and the next call starts it again. */
  rests(why: string): void {
    if (this.record.state !== 'running') return;
    const reason =
      why === 'memory'
        ? 'dropped to make room in memory; the next call starts it'
        : 'nobody called for long; the next call starts it';
    this.record = { ...this.record, state: 'idle', reason, sinceMs: Date.now() };
  }

  entered(): void {
    this.inFlight += 1;
  }

  left(): void {
    this.inFlight -= 1;
    if (this.inFlight === 0) this.onIdle?.();
  }
}

/**
 * @param loadCode reads the main module from the artifact store when an isolate starts
 * @param secrets opened when an isolate starts, and not kept
 */
export function guestOf(
  record: Installation,
  settings: GuestSettings,
  loadCode: () => Promise<GuestCode>,
  secrets: () => Readonly<Record<string, string>> = () => settings.secretsOf(record),
): Guest {
  const { owner, name, version, manifest, granted, config } = record;
  return {
    // A changed version, grant or setting is another isolate.
    id: `${record.id}.${record.generation}`,
    get group() {
      return groupOf(record, settings);
    },
    name,
    version,
    loadCode,
    limits: {
      ...settings.defaultLimits,
      ...definedOf(manifest.limits ?? {}),
      bodyBytes: settings.bodyBytes,
      subrequests: settings.subrequests,
    },
    bindings: {
      kv: hasKv(granted),
      cache: hasCapability(granted, 'cache'),
      topics: granted.topics.publish.length > 0,
      wasm: hasCapability(granted, 'wasm'),
      dependencies: Object.fromEntries(
        Object.keys(manifest.dependencies ?? {}).map((one) => [bindingOf(one), one]),
      ),
      config: mergedSettings(manifest, config),
      get secrets() {
        return secrets();
      },
    },
    owner: { subject: owner.subject, issuer: owner.issuer, roles: [] },
  };
}

export function hasKv(granted: Permissions): boolean {
  return hasCapability(granted, 'kv');
}

export function hasCapability(granted: Permissions, wanted: string): boolean {
  return granted.capabilities.some((capability) => parseCapability(capability).name === wanted);
}

function groupOf({ id, name, version }: Installation, { isolation, isSuspect }: GuestSettings): string {
  // No namespace and no id of an installation holds a slash.
  if (isolation !== 'installation' && isSuspect(name, version)) return `${name}@${version}`;
  switch (isolation) {
    case 'shared':
      return 'shared';
    case 'namespace':
      return name.slice(0, name.indexOf('/'));
    case 'installation':
      return id;
    default:
      return isolation satisfies never;
  }
}

function definedOf<T extends object>(values: T): { [K in keyof T]: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: NonNullable<T[K]>;
  };
}
