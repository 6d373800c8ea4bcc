import type { GuestLimits, RunnerInfo } from '@proxylet/sandbox';
import type { EgressRule } from '../egress/egress-rules.js';
import { dependentsOf, type Installation } from '../installations/installation.js';
import type { LogLine } from '../logs/log-ring.js';
import type { InstallationView, OwnedInstallationView } from './schemas.js';

export interface ViewContext {
  readonly publicUrl: string;
  readonly limitsOf: (record: Installation) => Pick<GuestLimits, 'memoryMb' | 'cpuMs' | 'timeoutMs'>;
  /** Installations among which dependents are looked for. */
  readonly siblings: readonly Installation[];
}

/** An installation as its owner sees it. */
export function installationView(record: Installation, context: ViewContext): InstallationView {
  const { granted, previous, config } = record;
  const { memoryMb, cpuMs, timeoutMs } = context.limitsOf(record);
  return {
    id: record.id,
    name: record.name,
    version: record.version,
    digest: record.digest,
    sizeBytes: record.sizeBytes,
    scope: record.manifest.scope,
    state: record.state,
    reason: record.reason,
    since: iso(record.sinceMs),
    permissions: {
      capabilities: [...granted.capabilities],
      fetch: [...granted.fetch],
      topics: { subscribe: [...granted.topics.subscribe], publish: [...granted.topics.publish] },
      secrets: [...granted.secrets],
    },
    limits: { memoryMb, cpuMs, timeoutMs },
    ...(config === undefined ? {} : { config: { ...config } }),
    requestedBy: [
      ...(record.isDirect ? ['you'] : []),
      ...record.services.map((service) => `service ${service}`),
      ...dependentsOf(record.name, context.siblings),
    ],
    consentedBy: record.consentedBy,
    ...(previous === undefined ? {} : { previousVersion: previous.version }),
    url: `${context.publicUrl}/run/${record.name}`,
    createdAt: iso(record.createdAtMs),
    updatedAt: iso(record.updatedAtMs),
  };
}

/** An installation as an admin sees it. */
export function ownedView(record: Installation, context: ViewContext): OwnedInstallationView {
  return { ...installationView(record, context), owner: { ...record.owner } };
}

export function logLineView(line: LogLine, epoch: string) {
  const { sequence, atMs, level, text, traceId, version } = line;
  return {
    id: `${epoch}-${sequence}`,
    at: iso(atMs),
    level,
    text,
    ...(traceId === undefined ? {} : { traceId }),
    version,
  };
}

export function egressRuleView({ origin, proxylets, changedBy, changedAtMs }: EgressRule) {
  return { origin, proxylets: [...proxylets], changedBy, changedAt: iso(changedAtMs) };
}

export function runnerView({ startedAtMs, ...runner }: RunnerInfo) {
  const ageSeconds = Math.max(0, Math.round((Date.now() - startedAtMs) / 1000));
  return { ...runner, startedAt: iso(startedAtMs), ageSeconds };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
