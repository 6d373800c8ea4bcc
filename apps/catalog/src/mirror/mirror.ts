import { randomBytes } from 'node:crypto';
import { type Digest, isDigest, isName, parseName, Problem, type QualifiedName } from '@proxylet/contract';
import type { Artifacts } from '../blob/artifacts.js';
import { artifactKey, type BlobStore } from '../blob/blob-store.js';
import type { Clock } from '../clock.js';
import type { Database } from '../database/database.js';
import {
  MirrorItemRow,
  type MirrorKind,
  MirrorNamespaceRow,
  MirrorStateRow,
} from '../database/mirror.entity.js';
import { NamespaceRow } from '../database/namespace.entity.js';
import { statement } from '../database/sql.js';
import type { Intake } from '../publish/intake.js';
import type { MirrorSync } from './mirror-sync.js';
import type { UpstreamCatalog } from './upstream-catalog.js';

export interface MirrorParts {
  readonly database: Database;
  readonly upstream: UpstreamCatalog;
  readonly sync: MirrorSync;
  readonly intake: Intake;
  readonly artifacts: Artifacts;
  readonly blobs: BlobStore;
  readonly clock: Clock;
}

/** How an answer came to be, for the header `Cache-Status` (RFC 9211). */
export type Freshness = 'own' | 'fetched' | 'fresh' | 'stale';

/** A name upstream did not have is not asked for again so soon, ms. */
const absentMs = 5000;
const maxAbsent = 10_000;
/** Names that a want may lead to. */
const maxClosure = 500;

const findMirrored = statement<{ namespace: string; name: string; version: string }>(
  `SELECT p.namespace, p.name, v.version FROM version v JOIN proxylet p ON p.id = v.proxylet_id
   JOIN mirror_namespace m ON m.name = p.namespace WHERE v.digest = $1 LIMIT 1`,
);
const findBlobKey = statement<{ storage_key: string | null }>(
  'SELECT storage_key FROM blob WHERE digest = $1',
);
const replaceKey = statement<{ digest: string }>(
  `UPDATE blob SET storage_key = $2, state = 'live', lease_until = NULL, stored_at = $3, last_ref_at = $3
   WHERE digest = $1 AND storage_key = $4 RETURNING digest`,
);
const findTargets = statement<{ target: string }>(
  `SELECT DISTINCT d.target FROM dependency d JOIN version v ON v.id = d.version_id
   JOIN proxylet p ON p.id = v.proxylet_id WHERE p.namespace = $1 AND p.name = $2`,
);
const findDefinitions = statement<{ definition: string }>(
  `SELECT v.definition FROM service_version v JOIN service s ON s.id = v.service_id
   WHERE s.namespace = $1 AND s.name = $2 ORDER BY v.precedence DESC LIMIT 100`,
);

/** Brings here what is read and not here yet. Names of namespaces that are this catalog's own are never asked for. */
export class Mirror {
  private readonly underWay = new Map<string, Promise<boolean>>();
  private readonly absent = new Map<string, number>();

  constructor(private readonly parts: MirrorParts) {}

  /** @throws Problem `upstream-unavailable` where it is not here and upstream is away, `upstream-invalid` */
  async proxylet(name: string): Promise<Freshness> {
    return await this.ensure('proxylet', name);
  }

  /** A service, and what it names. @throws as `proxylet` */
  async service(name: string): Promise<Freshness> {
    if (!isName(name)) return 'own';
    const freshness = await this.ensure('service', name);
    const { namespace, name: own } = parseName(name);
    const rows = await findDefinitions(this.parts.database.read, [namespace, own]);
    const named = rows.flatMap(({ definition }) =>
      Object.keys((JSON.parse(definition) as { proxylets: object }).proxylets),
    );
    await this.closure(named);
    return freshness;
  }

  /** Proxylets and all that their versions depend on; what cannot be had is left to whoever resolves. */
  async closure(names: readonly string[]): Promise<void> {
    const seen = new Set<string>();
    let next = [...new Set(names)];
    while (next.length > 0 && seen.size < maxClosure) {
      for (const name of next) seen.add(name);
      const found = await Promise.all(next.map((name) => this.dependenciesOf(name)));
      next = [...new Set(found.flat())].filter((name) => !seen.has(name)).slice(0, maxClosure);
    }
  }

  /** The bytes of a version that is upstream's: checked as at a publish, and kept. @throws as `proxylet` */
  async blob(digest: string): Promise<Freshness> {
    if (!isDigest(digest)) return 'own';
    const [version] = await findMirrored(this.parts.database.read, [digest]);
    if (version === undefined || (await this.parts.artifacts.head(digest)) !== undefined) return 'own';
    await this.once(`blob ${digest}`, () => this.fetchBlob(digest, version, version.version));
    return 'fetched';
  }

  /** @throws Problem `namespace-mirrored` where upstream has the namespace, `upstream-unavailable` where it cannot be asked */
  async assertMayCreate(namespace: string): Promise<void> {
    if (await this.parts.database.read.existsBy(NamespaceRow, { name: namespace })) return;
    if (!(await this.parts.upstream.hasNamespace(namespace))) return;
    throw new Problem('namespace-mirrored', `The namespace ${namespace} is that of the upstream catalog.`);
  }

  /** Whether what is kept is in step with upstream. */
  async isFresh(): Promise<boolean> {
    const state = await this.parts.database.read.findOneBy(MirrorStateRow, { id: 1 });
    return state !== null && state.freshUntil > this.parts.clock.now();
  }

  private async ensure(kind: MirrorKind, name: string): Promise<Freshness> {
    if (!isName(name)) return 'own';
    const { database } = this.parts;
    const item = await database.read.findOneBy(MirrorItemRow, { kind, name });
    if (item !== null && item.asOf >= 0) return (await this.isFresh()) ? 'fresh' : 'stale';
    if (await this.isOwn(parseName(name))) return 'own';
    const key = `${kind} ${name}`;
    if ((this.absent.get(key) ?? 0) > Date.now()) return 'fresh';
    const isThere = await this.once(key, () => this.parts.sync[kind](name));
    if (!isThere) this.noteAbsent(key);
    return 'fetched';
  }

  private async isOwn({ namespace }: QualifiedName): Promise<boolean> {
    const { read } = this.parts.database;
    if (await read.existsBy(MirrorNamespaceRow, { name: namespace })) return false;
    return await read.existsBy(NamespaceRow, { name: namespace });
  }

  private async dependenciesOf(name: string): Promise<string[]> {
    await this.ensure('proxylet', name).catch((error: unknown) => {
      if (!(error instanceof Problem)) throw error;
    });
    const { namespace, name: own } = parseName(name);
    return (await findTargets(this.parts.database.read, [namespace, own])).map(({ target }) => target);
  }

  private async fetchBlob(digest: Digest, target: QualifiedName, version: string): Promise<true> {
    const { database, upstream, intake, blobs, clock } = this.parts;
    const [row] = await findBlobKey(database.read, [digest]);
    const name = `${target.namespace}/${target.name}`;
    await using checked = await intake.receive(upstream.client.blob(digest), { name, version, digest });
    const key = artifactKey(digest, randomBytes(8).toString('hex'));
    await blobs.put(key, checked.source);
    const replaced = await database.write(`blob ${digest}`, (manager) =>
      replaceKey(manager, [digest, key, clock.now(), row?.storage_key ?? null]),
    );
    // Another catalog on this database was faster.
    if (replaced.length === 0) await blobs.delete(key);
    return true;
  }

  /** One fetch of a thing, whoever waits. */
  private async once(key: string, work: () => Promise<boolean>): Promise<boolean> {
    const running = this.underWay.get(key) ?? work().finally(() => this.underWay.delete(key));
    this.underWay.set(key, running);
    return await running;
  }

  private noteAbsent(key: string): void {
    if (this.absent.size >= maxAbsent) this.absent.clear();
    this.absent.set(key, Date.now() + absentMs);
  }
}
