import { randomBytes } from 'node:crypto';
import { Inject } from '@nestjs/common';
import type { Principal } from '@proxylet/auth';
import { formatName, Problem } from '@proxylet/contract';
import type { EntityManager } from 'typeorm';
import { artifactKey, type BlobKey, type BlobStore } from '../blob/blob-store.js';
import { Clock } from '../clock.js';
import { assertNamesAreClear } from '../confusable/name-guard.js';
import { Database } from '../database/database.js';
import { NamespaceService } from '../namespace/namespace.service.js';
import { type Addition, Quotas } from '../quota/quotas.js';
import { BLOB_STORE } from '../tokens.js';
import { type IdempotentRequest, noteAnswer, wasAnswered } from './idempotency.js';
import type { CheckedArchive } from './intake.js';
import { findProxyletHead } from './publish-sql.js';
import { KeysUnderWay } from './keys-under-way.js';
import { BytesAreGone, isPublished, type NewVersion, writeVersion } from './version-writer.js';

export interface Publication {
  readonly members: readonly Omit<NewVersion, 'key'>[];
  readonly principal: Principal;
  readonly idempotent: IdempotentRequest | undefined;
  /** Everything is done, the transaction included, which is taken back then. */
  readonly isDryRun: boolean;
  /** A platform admin lets names of new proxylets pass that could be taken for others. */
  readonly allowConfusable?: boolean;
  /** Upload the bytes came by: its reservation is what they take up. */
  readonly uploadId?: string;
  /** What else belongs into the transaction, after the versions, and its topics. */
  readonly andThen?: (manager: EntityManager) => Promise<void>;
  readonly topics?: readonly string[];
}

/**
 * From the bytes' being durable to the transaction a publish takes at most this long; a clean-up holds a key it
 * deletes for longer (`claimMs`), so that bytes which vanished in between are always noticed.
 */
export const putToCommitMs = 5 * 60_000;
const attempts = 3;
const goneAgain = 'The store lost what was put there before it could be published; nothing was changed.';

/** Makes checked archives durable and takes their numbers, all of them or none, in one transaction. */
export class Publisher {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(BLOB_STORE) private readonly blobs: BlobStore,
    @Inject(NamespaceService) private readonly namespaces: NamespaceService,
    @Inject(Quotas) private readonly quotas: Quotas,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(KeysUnderWay) private readonly underWay: KeysUnderWay,
  ) {}

  /**
   * @returns for each member whether it is new; false where the same bytes were published before
   * @throws Problem `version-exists`, `quota-exceeded`, `forbidden`, `idempotency-key-reused`, `storage-unavailable`
   */
  async publish(publication: Publication): Promise<readonly boolean[]> {
    if (publication.isDryRun) return await this.dryRun(publication);
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.putAndWrite(publication);
      } catch (error) {
        if (!(error instanceof BytesAreGone)) throw error;
        if (attempt === attempts)
          throw new Problem('storage-unavailable', goneAgain, { retryAfterSeconds: 5 });
      }
    }
  }

  private async putAndWrite(publication: Publication): Promise<readonly boolean[]> {
    const startedMs = performance.now();
    const members = publication.members.map((member) => ({ ...member, key: newKey(member.checked) }));
    const deadlineMs = startedMs + putToCommitMs;
    let unused: readonly BlobKey[] = members.map(({ key }) => key);
    using _held = this.underWay.hold(unused);
    using _announced = this.database.announceWrite();
    let isWriting = false;
    try {
      for (const { key, checked } of members) await this.blobs.put(key, checked.source);
      isWriting = true;
      const areNew = await this.write(members, publication, deadlineMs);
      unused = members.filter((_member, index) => areNew[index] === false).map(({ key }) => key);
      return areNew;
    } catch (error) {
      // Only a refusal of our own says for sure that the transaction did not come through; else the clean-up decides.
      const isRefusal =
        error instanceof BytesAreGone || (error instanceof Problem && error.code !== 'storage-unavailable');
      if (isWriting && !isRefusal) unused = [];
      throw error;
    } finally {
      await this.discard(unused);
    }
  }

  private async write(
    members: readonly NewVersion[],
    publication: Publication,
    deadlineMs: number,
  ): Promise<readonly boolean[]> {
    const proxylets = members.map(({ target }) => `proxylet ${formatName(target)}`);
    return await this.database.write([...proxylets, ...(publication.topics ?? [])], async (manager) => {
      if (performance.now() > deadlineMs) throw new BytesAreGone();
      return await this.insert(manager, members, publication);
    });
  }

  private async dryRun(publication: Publication): Promise<readonly boolean[]> {
    const members = publication.members.map((member) => ({ ...member, key: newKey(member.checked) }));
    const done = new Taken();
    try {
      const andThen = async (manager: EntityManager): Promise<void> => {
        await publication.andThen?.(manager);
        throw done;
      };
      await this.write(members, { ...publication, andThen }, Infinity);
    } catch (error) {
      if (error !== done) throw error;
    }
    return members.map(() => false);
  }

  private async insert(
    manager: EntityManager,
    members: readonly NewVersion[],
    { principal, idempotent, uploadId, andThen, allowConfusable = false }: Publication,
  ): Promise<readonly boolean[]> {
    const areNew: boolean[] = [];
    for (const { target, checked } of members) {
      const name = formatName(target);
      await this.namespaces.authorize(principal, 'catalog.publish', target.namespace, manager, name);
      areNew.push(!(await isPublished(manager, target, checked.version, checked.digest)));
    }
    await wasAnswered(manager, idempotent);
    const fresh = members.filter((_member, index) => areNew[index]);
    const at = this.clock.now();
    const names = fresh.map(({ target }) => target);
    await assertNamesAreClear(manager, names, { principal, allowConfusable, at });
    const added = await additions(manager, fresh);
    const detail = { clientId: principal.clientId ?? null, tokenId: principal.tokenId ?? null };
    for (const member of fresh) await writeVersion(manager, member, { actor: principal.key, at, detail });
    await andThen?.(manager);
    await noteAnswer(manager, idempotent, at);
    // Late: from here on nobody else counts in the namespace until this is committed.
    for (const addition of added) await this.quotas.add(manager, addition, at, uploadId);
    return areNew;
  }

  /** What stays behind is found by the clean-up. */
  private async discard(keys: readonly BlobKey[]): Promise<void> {
    await Promise.allSettled(keys.map((key) => this.blobs.delete(key)));
  }
}

/** Ends a dry run: the transaction is rolled back for it. */
class Taken extends Error {}

function newKey({ digest }: CheckedArchive): BlobKey {
  return artifactKey(digest, randomBytes(8).toString('hex'));
}

/** By namespace in order of name: all who count take the rows in this order. */
async function additions(manager: EntityManager, members: readonly NewVersion[]): Promise<Addition[]> {
  const sums = new Map<string, { bytes: number; versions: number; proxylets: Set<string> }>();
  for (const { target, checked } of members) {
    const { namespace, name } = target;
    const sum = sums.get(namespace) ?? { bytes: 0, versions: 0, proxylets: new Set() };
    sums.set(namespace, sum);
    sum.bytes += checked.sizeBytes;
    sum.versions += 1;
    const isKnown =
      sum.proxylets.has(name) || (await findProxyletHead(manager, [namespace, name])).length > 0;
    if (!isKnown) sum.proxylets.add(name);
  }
  return [...sums]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([namespace, { bytes, versions, proxylets }]) => ({
      namespace,
      bytes,
      versions,
      proxylets: proxylets.size,
    }));
}
