import { formatName, parseName, type QualifiedName } from '@proxylet/contract';
import type { EntityManager } from 'typeorm';
import { writeAudit } from '../audit.js';
import { artifactKey } from '../blob/blob-store.js';
import type { Clock } from '../clock.js';
import type { Database } from '../database/database.js';
import { MirrorItemRow, type MirrorKind, MirrorNamespaceRow } from '../database/mirror.entity.js';
import { NamespaceRow } from '../database/namespace.entity.js';
import { ProxyletRow } from '../database/proxylet.entity.js';
import { canonicalOf } from '../namespace/canonical.js';
import type { ProxyletView, VersionItem } from '../proxylet/proxylet.schemas.js';
import {
  type CurrentVersion,
  findProxylet,
  manyCurrent,
  slimVersionsOf,
} from '../proxylet/version-queries.js';
import {
  archiveOf,
  type ReplicaBy,
  type ReplicaState,
  type ReplicaVersion,
  writeChannels,
  writeReplica,
  writeReplicaService,
  writeState,
} from '../replica/replica-writer.js';
import { canonicalText } from '../service/service.service.js';
import type { UpstreamCatalog } from './upstream-catalog.js';
import { senseless } from './upstream-client.js';

/** Versions fetched and written at a time. */
const batchVersions = 32;

/** Brings what is kept of one name in step with upstream. Safe to run at several catalogs at once. */
export class MirrorSync {
  constructor(
    private readonly database: Database,
    private readonly upstream: UpstreamCatalog,
    private readonly clock: Clock,
  ) {}

  /** Whether upstream has it, for everybody to read. @throws Problem `upstream-unavailable`, `upstream-invalid` */
  async proxylet(name: string): Promise<boolean> {
    const target = parseName(name);
    // What is not there costs one question and writes nothing.
    if (!(await this.isKnown('proxylet', name)) && (await this.upstream.proxylet(target)) === undefined)
      return false;
    const asOf = await this.begin('proxylet', name);
    const view = await this.upstream.proxylet(target);
    if (view === undefined) {
      await this.withdraw(target, asOf);
      return false;
    }
    const items: VersionItem[] = [];
    for await (const item of this.upstream.versions(target)) items.push(item);
    const missing = items.filter(withoutThose(await this.versionsHere(this.database.read, target), name));
    for (let at = 0; at < missing.length; at += batchVersions) {
      const batch = missing.slice(at, at + batchVersions);
      const replicas = await Promise.all(batch.map((item) => this.replicaOf(target, item)));
      await this.write('proxylet', target, async (manager) => {
        const here = withoutThose(await this.versionsHere(manager, target), name);
        for (const replica of replicas)
          if (here(replica.archive)) await writeReplica(manager, replica, this.by());
      });
    }
    await this.settle(target, view, items, asOf);
    return true;
  }

  /** As `proxylet`, for a service and all its versions. */
  async service(name: string): Promise<boolean> {
    const target = parseName(name);
    if (!(await this.isKnown('service', name)) && (await this.upstream.service(target)) === undefined)
      return false;
    const asOf = await this.begin('service', name);
    const items = await this.upstream.service(target);
    if (items === undefined) {
      await this.forget('service', name);
      return false;
    }
    await this.write('service', target, async (manager) => {
      for (const { version, description, proxylets, registeredBy, registeredAt } of items) {
        const definition = canonicalText({ version, description, proxylets });
        const registered = { by: registeredBy, at: registeredAt };
        await writeReplicaService(manager, { target, version, definition, registered }, this.by());
      }
      await manager.save(MirrorItemRow, { kind: 'service', name, asOf });
    });
    return true;
  }

  /** Key under which the mirror itself stands in the audit. */
  get actor(): string {
    return `service|${this.upstream.client.url}|mirror`;
  }

  /**
   * Notes that the name is being fetched before it is, so that whoever follows the feed brings it in step with every
   * change from here on; and how far the feed is now.
   */
  private async begin(kind: MirrorKind, name: string): Promise<number> {
    const { last } = await this.upstream.changes('now', undefined, 0);
    if (!(await this.isKnown(kind, name))) {
      await this.database.write(`mirror ${name}`, async (manager) => {
        const row = { kind, name, asOf: -1 };
        await manager.createQueryBuilder().insert().into(MirrorItemRow).values(row).orIgnore().execute();
      });
    }
    return last;
  }

  private async isKnown(kind: MirrorKind, name: string): Promise<boolean> {
    return await this.database.read.existsBy(MirrorItemRow, { kind, name });
  }

  /** States, channels and visibility, unless something newer was written meanwhile. */
  private async settle(
    target: QualifiedName,
    view: ProxyletView,
    items: readonly VersionItem[],
    asOf: number,
  ): Promise<void> {
    const name = formatName(target);
    await this.write('proxylet', target, async (manager) => {
      const row = await manager.findOneBy(MirrorItemRow, { kind: 'proxylet', name });
      if (row !== null && row.asOf > asOf) return;
      const here = await this.versionsHere(manager, target);
      for (const item of items) {
        const version = here.get(item.version);
        if (version !== undefined && this.differs(version, item))
          await writeState(manager, target, version, stateOf(item), this.by());
      }
      const channels = Object.entries(view.channels).flatMap(([channel, version]) => {
        const known = here.get(version);
        return known === undefined ? [] : [[channel, { id: known.id, version }] as const];
      });
      await writeChannels(manager, target, new Map(channels), this.by());
      await this.show(manager, target, 'public');
      await manager.save(MirrorItemRow, { kind: 'proxylet', name, asOf });
    });
  }

  /** Nobody here reads what upstream does not show any more; where it never was here, nothing is noted. */
  private async withdraw(target: QualifiedName, asOf: number): Promise<void> {
    const name = formatName(target);
    if ((await findProxylet(this.database.read, target)) === undefined)
      return await this.forget('proxylet', name);
    await this.write('proxylet', target, async (manager) => {
      await this.show(manager, target, 'private');
      await manager.save(MirrorItemRow, { kind: 'proxylet', name, asOf });
    });
  }

  private async forget(kind: MirrorKind, name: string): Promise<void> {
    await this.database.write(`mirror ${name}`, async (manager) => {
      await manager.delete(MirrorItemRow, { kind, name });
    });
  }

  private async show(
    manager: EntityManager,
    target: QualifiedName,
    after: 'public' | 'private',
  ): Promise<void> {
    const row = await findProxylet(manager, target);
    if (row === undefined || row.visibility === after) return;
    await manager.update(ProxyletRow, row.id, { visibility: after, revision: row.revision + 1 });
    const { actor, at, source } = this.by();
    const detail = { before: row.visibility, after, source };
    await writeAudit(manager, {
      at,
      actor,
      action: 'proxylet.visibility',
      target: formatName(target),
      detail,
    });
  }

  private async replicaOf(target: QualifiedName, item: VersionItem): Promise<ReplicaVersion> {
    const view = await this.upstream.version(target, item);
    const readme = view.hasReadme ? await this.upstream.readme(target, item.version) : undefined;
    const { digest, sizeBytes, files } = view;
    return {
      target,
      archive: archiveOf(view.manifest, { digest, sizeBytes, files, readme }),
      // The bytes come when they are first asked for, under a key of their own.
      key: artifactKey(digest, 'upstream'),
      published: { by: view.publishedBy, at: view.publishedAt },
      current: stateOf(item),
    };
  }

  /** A hold of this catalog's own stays until it is released here. */
  private differs({ current }: CurrentVersion, item: VersionItem): boolean {
    if (current.state === 'quarantined' && current.actor !== this.actor) return false;
    const { state, reason, severity } = stateOf(item);
    return (
      current.state !== state || current.reason !== reason || (current.severity ?? undefined) !== severity
    );
  }

  private async versionsHere(
    manager: EntityManager,
    target: QualifiedName,
  ): Promise<ReadonlyMap<string, CurrentVersion>> {
    const proxylet = await findProxylet(manager, target);
    if (proxylet === undefined) return new Map();
    const rows = await manyCurrent(slimVersionsOf(manager, proxylet.id));
    return new Map(rows.map((row) => [row.version, row]));
  }

  private async write(
    kind: MirrorKind,
    target: QualifiedName,
    work: (manager: EntityManager) => Promise<void>,
  ): Promise<void> {
    const { namespace } = target;
    const topics = [`namespace ${canonicalOf(namespace)}`, `${kind} ${formatName(target)}`];
    await this.database.write(topics, async (manager) => {
      await this.claim(manager, namespace);
      await work(manager);
    });
  }

  /** The namespace is upstream's from now on. */
  private async claim(manager: EntityManager, name: string): Promise<void> {
    if (await manager.existsBy(MirrorNamespaceRow, { name })) return;
    const { actor, at, source } = this.by();
    if (await manager.existsBy(NamespaceRow, { name }))
      throw senseless(`the namespace ${name} is this catalog's own`);
    await manager.insert(NamespaceRow, {
      name,
      canonical: canonicalOf(name),
      createdBy: actor,
      createdAt: at,
    });
    await manager.insert(MirrorNamespaceRow, { name });
    await writeAudit(manager, { at, actor, action: 'namespace.create', target: name, detail: { source } });
  }

  private by(): ReplicaBy {
    return { actor: this.actor, at: this.clock.now(), source: this.upstream.client.url };
  }
}

/** Picks versions that are not here. @throws Problem `upstream-invalid` where one is, with other content */
function withoutThose(
  here: ReadonlyMap<string, CurrentVersion>,
  name: string,
): (version: { readonly version: string; readonly digest: string }) => boolean {
  return ({ version, digest }) => {
    const known = here.get(version);
    if (known !== undefined && known.digest !== digest)
      throw senseless(`${name} ${version} has other content than before`);
    return known === undefined;
  };
}

function stateOf({ state, stateReason = '', severity }: VersionItem): ReplicaState {
  return { state, reason: stateReason, severity };
}
