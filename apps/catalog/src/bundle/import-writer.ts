import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { can, type Principal } from '@proxylet/auth';
import { formatName, parseName, type QualifiedName } from '@proxylet/contract';
import type { EntityManager } from 'typeorm';
import type { BlobKey } from '../blob/blob-store.js';
import { assertNamesAreClear } from '../confusable/name-guard.js';
import { NamespaceRow } from '../database/namespace.entity.js';
import { ProxyletRow } from '../database/proxylet.entity.js';
import type { NamespaceService } from '../namespace/namespace.service.js';
import {
  type CurrentVersion,
  findProxylet,
  manyCurrent,
  slimVersionsOf,
} from '../proxylet/version-queries.js';
import type { Spool } from '../publish/spool.js';
import { isPublished, type WrittenArchive } from '../publish/version-writer.js';
import type { Quotas } from '../quota/quotas.js';
import { type ReplicaBy, writeChannels, writeReplica, writeState } from '../replica/replica-writer.js';
import type { ServiceService } from '../service/service.service.js';
import { type BundledProxylet, type BundledVersion, type BundleIndex, namespacesOf } from './bundle-index.js';
import { streamOf } from './spooled.js';

/** An import whose archives passed every check and are durable. */
export interface ImportJob {
  readonly index: BundleIndex;
  readonly principal: Principal;
  /** By digest: those that are new here. */
  readonly keys: ReadonlyMap<string, BlobKey>;
  /** What is written of each new archive, a line of JSON each, in the order of the index. */
  readonly lines: Spool;
}

export interface ImportResult {
  /** What was not here before. */
  readonly versions: readonly string[];
  readonly services: readonly string[];
  /** Versions that were here already, with the same bytes. */
  readonly known: number;
}

/** Writes what an import brings, inside its transaction. */
export class ImportWriter {
  constructor(
    private readonly namespaces: NamespaceService,
    private readonly services: ServiceService,
    private readonly quotas: Quotas,
  ) {}

  /** @throws Problem as `ImportService.import` */
  async write(manager: EntityManager, job: ImportJob, at: string): Promise<ImportResult> {
    const { index, principal } = job;
    const by: ReplicaBy = { actor: principal.key, at, source: index.source };
    for (const namespace of namespacesOf(index)) {
      if (!(await manager.existsBy(NamespaceRow, { name: namespace })))
        await this.namespaces.createIn(manager, namespace, principal);
      await this.namespaces.authorize(principal, 'catalog.manage-namespace', namespace, manager);
    }
    const targets = index.proxylets.map(({ name }) => parseName(name));
    await assertNamesAreClear(manager, targets, { principal, allowConfusable: false, at: by.at });
    await this.count(manager, job, by.at);
    const versions = await this.writeVersions(manager, job, by);
    for (const proxylet of index.proxylets) await this.settle(manager, proxylet, { versions, principal }, by);
    const services: string[] = [];
    for (const { name, ...definition } of index.services) {
      if (await this.services.registerIn(manager, name, definition, principal))
        services.push(`${name}@${definition.version}`);
    }
    const all = index.proxylets.reduce((sum, proxylet) => sum + proxylet.versions.length, 0);
    return { versions: [...versions], services, known: all - versions.size };
  }

  /** Quotas hold for imports as for publishes. */
  private async count(manager: EntityManager, { index, keys }: ImportJob, at: string): Promise<void> {
    for (const namespace of namespacesOf(index)) {
      const own = index.proxylets.filter(({ name }) => parseName(name).namespace === namespace);
      const fresh = own.flatMap(({ versions }) => versions.filter(({ digest }) => keys.has(digest)));
      if (fresh.length === 0) continue;
      const bytes = fresh.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
      let proxylets = 0;
      for (const { name } of own)
        if ((await findProxylet(manager, parseName(name))) === undefined) proxylets += 1;
      await this.quotas.add(manager, { namespace, bytes, proxylets, versions: fresh.length }, at);
    }
  }

  private async writeVersions(manager: EntityManager, job: ImportJob, by: ReplicaBy): Promise<Set<string>> {
    const bundled = new Map(
      job.index.proxylets.flatMap(({ name, versions }) =>
        versions.map((version) => [version.digest, { target: parseName(name), version }] as const),
      ),
    );
    const visible = new Set<string>();
    const written = new Set<string>();
    for await (const line of createInterface({ input: Readable.from(streamOf(await job.lines.finish())) })) {
      const archive = JSON.parse(line) as WrittenArchive;
      const found = bundled.get(archive.digest);
      const key = job.keys.get(archive.digest);
      if (found === undefined || key === undefined) throw new Error('an archive that is in no index');
      const { target, version } = found;
      // Somebody else published it while the bytes were stored.
      if (await isPublished(manager, target, archive.version, archive.digest)) continue;
      const isFirst = (await findProxylet(manager, target)) === undefined;
      await writeReplica(manager, { target, archive, key, current: stateOf(version) }, by);
      const name = formatName(target);
      if (isFirst && !visible.has(name)) await this.show(manager, target, job.index);
      visible.add(name);
      written.add(`${name}@${archive.version}`);
    }
    return written;
  }

  /** A proxylet that is new here is seen by as many as where it comes from. */
  private async show(manager: EntityManager, target: QualifiedName, index: BundleIndex): Promise<void> {
    const { namespace, name } = target;
    const bundled = index.proxylets.find((proxylet) => proxylet.name === formatName(target));
    if (bundled !== undefined)
      await manager.update(ProxyletRow, { namespace, name }, { visibility: bundled.visibility });
  }

  /**
   * States and channels that changed since at the other catalog; what was decided here later stays. What the platform
   * holds here it alone lets go: whoever makes a bundle writes the times in it.
   */
  private async settle(
    manager: EntityManager,
    { name, versions, channels }: BundledProxylet,
    {
      versions: written,
      principal,
    }: { readonly versions: ReadonlySet<string>; readonly principal: Principal },
    by: ReplicaBy,
  ): Promise<void> {
    const mayRelease = can(principal, 'catalog.release') === 'allow';
    const target = parseName(name);
    const here = await versionsHere(manager, target);
    for (const version of versions) {
      const row = here.get(version.version);
      const isOlder =
        row !== undefined && !written.has(`${name}@${version.version}`) && row.current.at < version.stateAt;
      const isHeld = row?.current.state === 'quarantined' && !mayRelease;
      if (isOlder && !isHeld && !isSameState(row, version))
        await writeState(manager, target, row, stateOf(version), by);
    }
    const moved = await lastMoves(manager, target);
    const newer = channels.flatMap((channel) => {
      const row = here.get(channel.version);
      const isNewer = row !== undefined && (moved.get(channel.name) ?? '') < channel.at;
      return isNewer ? [[channel.name, { id: row.id, version: row.version }] as const] : [];
    });
    await writeChannels(manager, target, new Map(newer), by);
  }
}

function stateOf({ state, stateReason: reason, severity }: BundledVersion) {
  return { state, reason, severity };
}

function isSameState({ current }: CurrentVersion, { state, stateReason, severity }: BundledVersion): boolean {
  return (
    current.state === state && current.reason === stateReason && (current.severity ?? undefined) === severity
  );
}

async function versionsHere(
  manager: EntityManager,
  target: QualifiedName,
): Promise<ReadonlyMap<string, CurrentVersion>> {
  const proxylet = await findProxylet(manager, target);
  if (proxylet === undefined) return new Map();
  return new Map((await manyCurrent(slimVersionsOf(manager, proxylet.id))).map((row) => [row.version, row]));
}

async function lastMoves(
  manager: EntityManager,
  target: QualifiedName,
): Promise<ReadonlyMap<string, string>> {
  const proxylet = await findProxylet(manager, target);
  const rows = await manager
    .createQueryBuilder()
    .select(['m.channel AS channel', 'MAX(m.at) AS at'])
    .from('channel_move', 'm')
    .where('m.proxylet_id = :id', { id: proxylet?.id ?? -1 })
    .groupBy('m.channel')
    .getRawMany<{ channel: string; at: string }>();
  return new Map(rows.map(({ channel, at }) => [channel, at]));
}
