import { join } from 'node:path';
import { defaultLimits as archiveLimits } from '@proxylet/artifact';
import { clientCredentials, type TokenSource } from '@proxylet/auth';
import { type EngineProfile, Problem } from '@proxylet/contract';
import { type Sandbox, startSandbox } from '@proxylet/sandbox';
import { CatalogClient } from './catalog/catalog-client.js';
import { CallMetrics } from './data-plane/call-metrics.js';
import { DependencyCalls } from './dependency-calls.js';
import { EgressGuard } from './egress/egress-guard.js';
import { EgressRules } from './egress/egress-rules.js';
import { defaultLimitsOf, type EngineConfig } from './engine.config.js';
import { EngineCore } from './engine-core.js';
import { EngineServices } from './host-services.js';
import { ArtifactSource } from './install/artifact-source.js';
import { InstallationChanges } from './install/changes.js';
import { Installer } from './install/installer.js';
import type { Active, GuestSettings } from './installations/active.js';
import type { Installation } from './installations/installation.js';
import { Lifecycle } from './installations/lifecycle.js';
import { Breaches } from './limits/breaches.js';
import { CpuShares } from './limits/cpu-shares.js';
import { GuardedSandbox } from './limits/guarded-sandbox.js';
import { sandboxLimits } from './limits/isolate-settings.js';
import { Quarantine } from './limits/quarantine.js';
import { InstallationRegistry } from './installations/registry.js';
import { KvStore } from './kv/kv-store.js';
import { GuestLogWriter } from './logs/guest-log-writer.js';
import { GuestLogs } from './logs/guest-logs.js';
import { maxMapChars } from './logs/source-map.js';
import { SourceMaps } from './logs/source-maps.js';
import { ArtifactStore } from './store/artifact-store.js';
import { EngineStore } from './store/engine-store.js';
import { openVault } from './secrets/open-vault.js';
import type { SecretVault } from './secrets/secret-vault.js';
import { openCache } from './cache/open-cache.js';
import { openBindings } from './start-bindings.js';
import { lockState } from './store/state-lock.js';

/** The part of a pino log that the core needs. */
export interface CoreLog {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface EngineCoreOptions {
  readonly config: EngineConfig;
  readonly stateDir: string;
  readonly log: CoreLog;
  /** Ports this engine listens on; read when a guest connects. */
  readonly ownPorts: () => readonly number[];
}

/** What runs here; the version is that of the handler contract. */
export const runtimes: EngineProfile['runtimes'] = [{ type: 'isolate', version: '1.0.0' }];

const kvSweepMs = 60_000;

/**
 * Opens the state, starts the sandbox and brings back every installation; needs neither the catalog nor an identity
 * manager.
 *
 * @throws StateLockedError when another engine has the folder
 */
export async function startEngineCore(options: EngineCoreOptions): Promise<EngineCore> {
  const { config, stateDir, log, ownPorts } = options;
  await using opened = new AsyncDisposableStack();
  opened.use(lockState(stateDir));
  const [store, artifacts] = await Promise.all([
    EngineStore.open(join(stateDir, 'engine.sqlite')),
    ArtifactStore.open(join(stateDir, 'artifacts')),
  ]);
  opened.use(store);
  const { kvMaxBytes: bytes, kvMaxKeys: keys } = config;
  const kv = opened.use(new KvStore(join(stateDir, 'kv.sqlite'), { bytes, keys }));
  const vault = await openVault({ config, stateDir, store, log });
  const cache = opened.use(openCache({ config, stateDir, log }));
  const rules = new EgressRules();
  rules.load(await store.egressRules());
  const registry = new InstallationRegistry();
  const logs = new GuestLogs((fields, text) => log.info(fields, text));
  const egress = opened.use(new EgressGuard({ rules, ownPorts, limits: egressLimits(config) }));
  const breaches = new Breaches(logs);
  const writer = new GuestLogWriter(logs, new SourceMaps((digest) => source.sourceMap(digest, maxMapChars)));
  const cpu = new CpuShares({
    percent: config.cpuSharePercent,
    burstMs: config.cpuBurstMs,
    onRefused: (record, detail) => breaches.add(record, { limit: 'cpu-rate', detail, traceId: undefined }),
    onOverdrawn: (active, problem) => runners.stop(active.guest.id, problem),
  });
  let lost = 0;
  const dependencies = new DependencyCalls(registry, () => sandbox);
  const find = (guestId: string): Active | undefined => registry.guest(guestId);
  const { quarantineStrikes: strikes, quarantineWindowMs: windowMs } = config;
  const quarantine = new Quarantine({
    strikes,
    windowMs,
    find,
    onStopped: (active, reason) => noteStopped(active, reason),
  });
  const bindings = opened.use(
    openBindings({ config, stateDir, registry, logs, sandbox: () => sandbox, log }),
  );
  const { topics } = bindings;
  const runners = opened.use(
    await startSandbox({
      services: new EngineServices({
        registry,
        kv,
        egress,
        logs: writer,
        dependencies,
        breaches,
        cpu,
        vault,
        topics,
        cache,
      }),
      runnerMemoryMb: config.runnerMemoryMb,
      maxRunners: config.maxRunners,
      runnerUserIds: config.runnerUids,
      runnerCgroup: config.runnerCgroup,
      wasmMaxPages: config.maxMemoryMb * 16,
      limits: sandboxLimits(config),
      onEvicted: ({ id }, reason) => registry.guest(id)?.rests(reason),
      onRunnerLost: (loss) => {
        lost += 1;
        const { culprit, ...event } = loss;
        log.warn({ ...event, installation: culprit?.id }, 'a runner ended');
        quarantine.lost(loss);
      },
      onDegraded: (layer, reason) => log.warn({ layer, reason }, 'a layer of containment is missing'),
    }),
  );
  const sandbox: Sandbox = new GuardedSandbox(runners, { find, quarantine, cpu, vault });
  const catalog = opened.use(catalogOf(config));
  const source = new ArtifactSource(artifacts, (digest) => catalog.download(digest));
  const metrics = new CallMetrics();
  const lifecycle = new Lifecycle({
    registry,
    sandbox,
    source,
    metrics,
    settings: guestSettings(config, quarantine, vault),
    onBroken: (active, problem) => noteBroken(active, problem),
  });
  const erase = (installationId: string): void => {
    kv.erase(installationId);
    cache.erase(installationId);
    vault.forget(installationId);
    logs.erase(installationId);
    cpu.forget(installationId);
    void egress.forget(installationId);
  };
  const changes = new InstallationChanges({ store, registry, lifecycle, vault, erase });
  const noteBroken = (active: Active, problem: Problem): void => {
    log.error(
      { installation: active.record.id, proxylet: active.record.name, detail: problem.detail },
      'artifact unusable',
    );
    changes
      .note(active, 'broken', problem.detail)
      .catch((err: unknown) => log.error({ err }, 'state not recorded'));
  };
  const noteStopped = (active: Active, reason: string): void => {
    const { id: installationId, name: proxylet, version } = active.record;
    runners.evict(active.guest.id);
    log.error({ installation: installationId, proxylet, reason }, 'a proxylet is in quarantine');
    const text = `Quarantined: ${reason}.`;
    const line = { atMs: Date.now(), level: 'error', text, traceId: undefined } as const;
    logs.add({ installationId, proxylet, version }, [line]);
    changes
      .note(active, 'quarantined', reason)
      .catch((err: unknown) => log.error({ err }, 'state not recorded'));
  };
  const { capabilities, maxMemoryMb: memoryMb, maxCpuMs: cpuMs, maxTimeoutMs: timeoutMs } = config;
  const caps = { memoryMb, cpuMs, timeoutMs };
  const installer = new Installer({ catalog, source, registry, changes, caps, runtimes, capabilities });

  const records = await store.installations();
  registry.switchTo(records.map((record) => lifecycle.make(awaiting(record))));
  await tidy(records, [kv, cache], artifacts);
  const sweeping = setInterval(() => kv.sweep(), kvSweepMs);
  sweeping.unref();
  opened.defer(() => clearInterval(sweeping));
  bindings.start();
  opened.defer(() => bindings.stop());
  return new EngineCore(
    {
      config,
      store,
      kv,
      rules,
      logs,
      metrics,
      registry,
      sandbox,
      changes,
      installer,
      quarantine,
      breaches,
      vault,
      bindings,
      runnersLost: () => lost,
    },
    opened.move(),
  );
}

/** After a start nothing runs yet: the first call starts it. */
function awaiting(record: Installation): Installation {
  if (record.state !== 'running') return record;
  return {
    ...record,
    state: 'idle',
    reason: 'the engine started; the next call starts it',
    sinceMs: Date.now(),
  };
}

/** Clears what a crash in the middle of a change may have left: data and archives that nothing refers to. */
async function tidy(
  records: readonly Installation[],
  stores: readonly Pick<KvStore, 'spaces' | 'erase'>[],
  artifacts: ArtifactStore,
): Promise<void> {
  const ids = new Set(records.map(({ id }) => id));
  for (const store of stores) {
    for (const space of store.spaces()) if (!ids.has(space)) store.erase(space);
  }
  const digests = records.flatMap(({ digest, previous }) => [digest, ...(previous ? [previous.digest] : [])]);
  await artifacts.sweep(new Set(digests));
}

function catalogOf(config: EngineConfig): CatalogClient {
  return new CatalogClient({
    url: config.catalogUrl,
    tokens: tokensOf(config),
    maxArchiveBytes: archiveLimits.packedBytes,
    timeoutMs: config.catalogTimeoutMs,
  });
}

function tokensOf({ issuers, tokenUrl, clientId, clientSecret, catalogAudience }: EngineConfig): TokenSource {
  if (clientSecret === undefined) {
    const refusal = 'This engine has no client secret for the catalog; set PROXYLET_ENGINE_CLIENT_SECRET.';
    return { token: () => Promise.reject(new Problem('catalog-refused', refusal)), forget: () => undefined };
  }
  return clientCredentials({
    issuer: issuers[0]?.issuer,
    tokenEndpoint: tokenUrl,
    clientId,
    clientSecret,
    resource: catalogAudience,
    scope: 'catalog:read',
  });
}

function guestSettings(
  config: EngineConfig,
  { isSuspect }: Quarantine,
  vault: Pick<SecretVault, 'values'>,
): GuestSettings {
  return {
    isolation: config.isolation,
    isSuspect,
    defaultLimits: defaultLimitsOf(config),
    bodyBytes: config.maxBodyBytes,
    subrequests: config.maxSubrequests,
    secretsOf: ({ id, granted }) => vault.values(id, granted.secrets),
  };
}

function egressLimits({ fetchMaxBytes, fetchConcurrency, fetchTimeoutMs }: EngineConfig) {
  return { responseBytes: fetchMaxBytes, concurrency: fetchConcurrency, timeoutMs: fetchTimeoutMs };
}
