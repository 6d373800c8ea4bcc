import type { Principal } from '@proxylet/auth';
import {
  type Consent,
  type EngineProfile,
  isVersion,
  type Lock,
  type LockedProxylet,
  type Manifest,
  permissionsOf,
  type Want,
  type ResolutionPreference,
} from '@proxylet/contract';
import type { CatalogClient } from '../catalog/catalog-client.js';
import { type Installation, type Owner, sharedOwnerKey } from '../installations/installation.js';
import type { InstallationRegistry } from '../installations/registry.js';
import type { ArtifactSource } from './artifact-source.js';
import type { InstallationChanges, Precondition } from './changes.js';
import { Coalescing, mapLimited } from './coalescing.js';
import type { Settings } from './config-schema.js';
import { assertAgrees, assertLimits, assertOffered, type LimitCaps } from './manifest-checks.js';
import { grantsFor, type Wish } from './plan.js';
import type { OnProgress } from './progress.js';

export interface InstallerOptions {
  readonly catalog: Pick<CatalogClient, 'resolve'>;
  readonly source: ArtifactSource;
  readonly registry: InstallationRegistry;
  readonly changes: InstallationChanges;
  readonly caps: LimitCaps;
  readonly runtimes: EngineProfile['runtimes'];
  readonly capabilities: readonly string[];
}

export interface InstallRequest {
  readonly range: string;
  readonly consent: Consent | undefined;
  /** Which of several versions that do; the highest by default. */
  readonly prefer?: ResolutionPreference | undefined;
  /** Undefined keeps the settings there are. */
  readonly config?: Settings | undefined;
  /** What the caller's `If-Match` demands; told apart by its text when equal requests are joined. */
  readonly precondition?: { readonly text: string; readonly check: Precondition } | undefined;
}

export interface Installed {
  readonly installation: Installation;
  readonly isNew: boolean;
}

export interface Initialized {
  readonly version: string;
  readonly installations: readonly Installation[];
}

const parallelFetches = 4;

/**
 * Brings proxylets here on behalf of a user: resolve at the catalog, consent, download and verify, and then, in
 * `InstallationChanges`, start and switch. Before consent nothing is downloaded; equal requests run once.
 */
export class Installer {
  private readonly installs = new Coalescing<Installed>();
  private readonly services = new Coalescing<Initialized>();

  constructor(private readonly options: InstallerOptions) {}

  /** @throws Problem of the catalog, of consent, of the archive, or of the start */
  install(
    principal: Principal,
    name: string,
    request: InstallRequest,
    onProgress: OnProgress,
  ): Promise<Installed> {
    return this.installs.run(keyOf(principal, name, request), onProgress, async (emit) => {
      const owner = ownerOf(principal);
      const isNew = this.options.registry.find(owner.key, name) === undefined;
      const proxylets = await this.locked(owner, name, request.range, emit);
      const target = { kind: 'proxylet', name, config: request.config } as const;
      const wish = { owner, principalKey: principal.key, consent: request.consent, target };
      const records = await this.bring(principal, wish, proxylets, request, emit);
      const installation = records.find((record) => record.name === name);
      if (installation === undefined) throw new Error(`the lock for ${name} lacks it`);
      return { installation, isNew };
    });
  }

  /** A whole service: either all of its proxylets are there afterwards, or nothing has changed. */
  initialize(
    principal: Principal,
    service: string,
    request: Omit<InstallRequest, 'config' | 'precondition'>,
    onProgress: OnProgress,
  ): Promise<Initialized> {
    return this.services.run(keyOf(principal, service, request), onProgress, async (emit) => {
      const owner = ownerOf(principal);
      const want = { service, range: request.range };
      const lock = await this.resolve(owner, want, emit, request.prefer);
      const target = { kind: 'service', name: service, proxylets: namedBy(service, lock) } as const;
      const wish = { owner, principalKey: principal.key, consent: request.consent, target };
      const installations = await this.bring(principal, wish, lock.proxylets, request, emit);
      return { version: lock.services.find(({ name }) => name === service)?.version ?? '', installations };
    });
  }

  /** An exact version that is here and sound needs no catalog, which may be away. */
  private async locked(
    owner: Owner,
    name: string,
    range: string,
    emit: OnProgress,
  ): Promise<readonly LockedProxylet[]> {
    const here = this.options.registry.find(owner.key, name)?.record;
    const isSound =
      here?.version === range &&
      isVersion(range) &&
      here.state !== 'broken' &&
      (await this.options.source.isStored(here.digest));
    const standing = isSound ? this.lockedOf(here) : undefined;
    if (standing !== undefined) return [standing];
    return (await this.resolve(owner, { proxylet: name, range }, emit)).proxylets;
  }

  /** What a lock would say of an installation; undefined where one of its dependencies is gone. */
  private lockedOf({
    owner,
    name,
    version,
    digest,
    sizeBytes,
    manifest,
  }: Installation): LockedProxylet | undefined {
    const { registry } = this.options;
    const dependencies = Object.keys(manifest.dependencies ?? {}).map(
      (dependency) => [dependency, registry.find(owner.key, dependency)?.record.version] as const,
    );
    if (dependencies.some(([, chosen]) => chosen === undefined)) return undefined;
    const { capabilities, fetch, topics, secrets } = permissionsOf(manifest);
    return {
      name,
      version,
      digest,
      sizeBytes,
      dependencies: Object.fromEntries(
        dependencies.map(([dependency, chosen]) => [dependency, chosen ?? '']),
      ),
      permissions: {
        capabilities: [...capabilities],
        fetch: [...fetch],
        topics: { subscribe: [...topics.subscribe], publish: [...topics.publish] },
        secrets: [...secrets],
      },
      because: [],
    };
  }

  private async resolve(
    owner: Owner,
    want: Want,
    emit: OnProgress,
    prefer?: ResolutionPreference,
  ): Promise<Lock> {
    const { catalog, runtimes, capabilities, registry } = this.options;
    emit({ stage: 'resolving' });
    const here = [...registry.recordsOf(sharedOwnerKey), ...registry.recordsOf(owner.key)];
    const installed = [...new Map(here.map((one) => [one.name, one])).values()].map(
      ({ name, version, digest }) => ({ name, version, digest }),
    );
    const lock = await catalog.resolve({
      engine: { runtimes: [...runtimes], capabilities: [...capabilities], installed },
      wants: [want],
      ...(prefer === undefined ? {} : { prefer }),
    });
    const proxylets = lock.proxylets.map(({ name, version, sizeBytes, warning }) => ({
      name,
      version,
      sizeBytes,
      warning,
    }));
    emit({ stage: 'resolved', proxylets });
    return lock;
  }

  private async bring(
    principal: Principal,
    wish: Wish,
    proxylets: readonly LockedProxylet[],
    { consent, precondition }: InstallRequest,
    emit: OnProgress,
  ): Promise<Installation[]> {
    const { registry, capabilities, changes } = this.options;
    for (const locked of proxylets) assertOffered(locked, capabilities);
    const known = proxylets.map((locked) => ({
      locked,
      before: registry.find(wish.owner.key, locked.name)?.record,
    }));
    precondition?.check(known.find(({ locked }) => locked.name === wish.target.name)?.before);
    grantsFor(known, consent);
    const fetched = await mapLimited(proxylets, parallelFetches, async (locked) => ({
      locked,
      manifest: await this.fetch(locked, emit),
    }));
    return changes.apply(principal, wish, fetched, emit, precondition?.check ?? (() => undefined));
  }

  private async fetch(locked: LockedProxylet, emit: OnProgress): Promise<Manifest> {
    const manifest = await this.options.source.obtain(locked, emit);
    assertAgrees(manifest, locked);
    assertLimits(manifest, this.options.caps);
    emit({ stage: 'verified', proxylet: locked.name, version: locked.version });
    return manifest;
  }
}

export function ownerOf({ key, issuer, subject }: Principal): Owner {
  return { key, issuer, subject };
}

function keyOf(principal: Principal, name: string, { precondition, ...request }: InstallRequest): string {
  return JSON.stringify([principal.key, name, request, precondition?.text]);
}

/** Proxylets that the service itself names; the others of the lock are only needed by these. */
function namedBy(service: string, lock: Lock): ReadonlySet<string> {
  const needed = new Set(lock.proxylets.flatMap(({ dependencies }) => Object.keys(dependencies)));
  const named = lock.proxylets.filter(
    ({ name, because }) =>
      !needed.has(name) || because.some((text) => text.startsWith(`service ${service} `)),
  );
  return new Set(named.map(({ name }) => name));
}
