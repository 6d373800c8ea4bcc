import type { Readable } from 'node:stream';
import { Inject } from '@nestjs/common';
import { type ExtractedMain, MainChecker } from '@proxylet/artifact';
import type { Principal } from '@proxylet/auth';
import {
  type Digest,
  formatName,
  isPrerelease,
  parseName,
  Problem,
  type QualifiedName,
} from '@proxylet/contract';
import type { EntityManager } from 'typeorm';
import { writeAudit } from '../audit.js';
import type { BlobStore } from '../blob/blob-store.js';
import { Clock } from '../clock.js';
import { Database } from '../database/database.js';
import { DependencyRow, ProxyletRow, VersionRow, VersionStateRow } from '../database/proxylet.entity.js';
import { BlobRow } from '../database/record.entity.js';
import { NamespaceService } from '../namespace/namespace.service.js';
import { precedenceOf, versionKeyOf } from '../proxylet/precedence.js';
import { factsOf } from '../proxylet/version-facts.js';
import { findProxylet, needProxylet, refreshProxylet } from '../proxylet/version-queries.js';
import { BLOB_STORE } from '../tokens.js';
import { checkArchive } from './archive-checks.js';
import { idempotentRequest, type IdempotentRequest, noteAnswer, wasAnswered } from './idempotency.js';
import { type StagedArchive, Staging } from './staging.js';

export interface PublishRequest {
  readonly name: string;
  readonly version: string;
  readonly body: Readable;
  /** What the client says the body's digest is. */
  readonly expected: Digest | undefined;
  readonly idempotencyKey: string | undefined;
  readonly isDryRun: boolean;
  readonly principal: Principal;
}

export interface PublishResult {
  readonly name: string;
  readonly version: string;
  readonly digest: Digest;
  readonly sizeBytes: number;
  /** False where the same bytes were published before, and of a dry run. */
  readonly isNew: boolean;
}

/**
 * Publishing: receive, check, make the bytes durable, then take the number in one transaction. A death at any point
 * before the transaction's end leaves the number free; after it, everything is there.
 */
export class PublishService {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(BLOB_STORE) private readonly blobs: BlobStore,
    @Inject(Staging) private readonly staging: Staging,
    @Inject(MainChecker) private readonly checker: MainChecker,
    @Inject(NamespaceService) private readonly namespaces: NamespaceService,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  /**
   * @throws Problem `not-found`, `forbidden`, `insufficient-scope`, `version-exists`, `digest-mismatch`, `archive-*`,
   *   `manifest-*`, `main-*`, `idempotency-key-reused`, `request-cancelled`, `storage-unavailable`
   */
  async publish(request: PublishRequest): Promise<PublishResult> {
    const { name, version, body, expected, idempotencyKey, isDryRun, principal } = request;
    const target = parseName(name);
    await this.namespaces.authorize(principal, 'catalog.publish', target.namespace);
    await using staged = await this.staging.receive(body);
    const { digest, sizeBytes } = staged;
    assertExpected(digest, expected);
    const idempotent = idempotentRequest(
      principal.key,
      idempotencyKey,
      'publish',
      name,
      version,
      digest,
      String(isDryRun),
    );
    const isRepeated = await wasAnswered(this.database.read, idempotent);
    const isKnown = await this.isPublished(this.database.read, target, version, digest);
    const result = { name, version, digest, sizeBytes };
    if (isKnown) return { ...result, isNew: isRepeated };
    const archive = await checkArchive(staged, name, version, this.checker);
    if (isDryRun) return { ...result, isNew: false };
    await this.blobs.put(staged.file, digest);
    const isNew = await this.database.write(`proxylet ${name}`, (manager) =>
      this.insert(manager, target, staged, archive, principal, idempotent),
    );
    return { ...result, isNew };
  }

  /** The transaction that takes the number; false where another request with the same bytes was faster. */
  private async insert(
    manager: EntityManager,
    target: QualifiedName,
    { digest, sizeBytes }: StagedArchive,
    archive: ExtractedMain,
    principal: Principal,
    idempotent: IdempotentRequest | undefined,
  ): Promise<boolean> {
    const { version } = archive.manifest;
    await this.namespaces.authorize(principal, 'catalog.publish', target.namespace, manager);
    if (await this.isPublished(manager, target, version, digest)) return false;
    await wasAnswered(manager, idempotent);
    const at = this.clock.now();
    const actor = principal.key;
    await manager
      .createQueryBuilder()
      .insert()
      .into(BlobRow)
      .values({ digest, sizeBytes, storedAt: at })
      .orIgnore()
      .execute();
    const proxyletId =
      (await findProxylet(manager, target))?.id ?? (await insertProxylet(manager, target, at));
    const versionId = await insertVersion(manager, { proxyletId, archive, sizeBytes, actor, at });
    await manager.insert(VersionStateRow, { versionId, state: 'published', reason: '', actor, at });
    const dependencies = Object.entries(archive.manifest.dependencies ?? {});
    if (dependencies.length > 0) {
      await manager.insert(
        DependencyRow,
        dependencies.map(([name, range]) => ({ versionId, target: name, range })),
      );
    }
    await refreshProxylet(manager, await needProxylet(manager, target));
    await noteAnswer(manager, idempotent, at);
    const detail = {
      digest,
      sizeBytes,
      clientId: principal.clientId ?? null,
      tokenId: principal.tokenId ?? null,
    };
    await writeAudit(manager, {
      at,
      actor,
      action: 'version.publish',
      target: `${formatName(target)}@${version}`,
      detail,
    });
    return true;
  }

  /** @throws Problem `version-exists` where the number stands for other bytes */
  private async isPublished(
    manager: EntityManager,
    target: QualifiedName,
    version: string,
    digest: Digest,
  ): Promise<boolean> {
    const proxylet = await findProxylet(manager, target);
    if (proxylet === undefined) return false;
    const row = await manager.findOne(VersionRow, {
      select: { id: true, digest: true, version: true },
      where: { proxyletId: proxylet.id, versionKey: versionKeyOf(version) },
    });
    if (row === null) return false;
    if (row.digest === digest && row.version === version) return true;
    throw new Problem(
      'version-exists',
      `${formatName(target)} ${row.version} was published before with other content (${row.digest}); a version never changes, so publish the next one.`,
      { extra: { digest: row.digest } },
    );
  }
}

function assertExpected(digest: Digest, expected: Digest | undefined): void {
  if (expected === undefined || expected === digest) return;
  throw new Problem(
    'digest-mismatch',
    `The bytes that arrived have the digest ${digest}, the header says ${expected}.`,
  );
}

async function insertProxylet(
  manager: EntityManager,
  { namespace, name }: QualifiedName,
  createdAt: string,
): Promise<number> {
  const row = {
    namespace,
    name,
    revision: 0,
    latestVersionId: null,
    shownVersionId: null,
    searchText: '',
    createdAt,
  };
  return idOf((await manager.insert(ProxyletRow, row)).identifiers);
}

interface NewVersion {
  readonly proxyletId: number;
  readonly archive: ExtractedMain;
  readonly sizeBytes: number;
  readonly actor: string;
  readonly at: string;
}

async function insertVersion(
  manager: EntityManager,
  { proxyletId, archive, sizeBytes, actor, at }: NewVersion,
): Promise<number> {
  const { manifest, digest, files, readme } = archive;
  const inserted = await manager.insert(VersionRow, {
    proxyletId,
    version: manifest.version,
    versionKey: versionKeyOf(manifest.version),
    precedence: precedenceOf(manifest.version),
    isStable: isPrerelease(manifest.version) ? 0 : 1,
    digest,
    sizeBytes,
    manifest: JSON.stringify(manifest),
    files: JSON.stringify(files),
    facts: JSON.stringify(factsOf(manifest)),
    readme: readme ?? null,
    runtimeType: manifest.runtime.type,
    capabilities: ` ${(manifest.capabilities ?? []).map((capability) => capability.split('@', 1)[0]).join(' ')} `,
    publishedBy: actor,
    publishedAt: at,
  });
  return idOf(inserted.identifiers);
}

function idOf([identifier]: readonly Record<string, unknown>[]): number {
  const id = identifier?.['id'];
  if (typeof id !== 'number') throw new Error('the database gave no id for a new row');
  return id;
}
