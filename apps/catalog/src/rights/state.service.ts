import { Inject } from '@nestjs/common';
import { can, enforce, type Principal } from '@proxylet/auth';
import { type Page, parseName, Problem } from '@proxylet/contract';
import { assertIfMatch, decodeCursor, encodeCursor } from '@proxylet/nest';
import type { EntityManager } from 'typeorm';
import { z } from 'zod';
import { writeAudit } from '../audit.js';
import { Clock } from '../clock.js';
import { Database } from '../database/database.js';
import { ProxyletRow, VersionStateRow } from '../database/proxylet.entity.js';
import { NamespaceService } from '../namespace/namespace.service.js';
import { signersOf } from '../provenance/signature.service.js';
import type { ProxyletView, VersionView } from '../proxylet/proxylet.schemas.js';
import { etagOfVersion, ProxyletService, type Tagged } from '../proxylet/proxylet.service.js';
import {
  type CurrentVersion,
  needProxylet,
  needVersion,
  readVersion,
  refreshProxylet,
} from '../proxylet/version-queries.js';
import { ReadRights } from './read-rights.js';
import type { StateChange, StateEntry, VisibilityChange } from './state.schemas.js';

const historyCursor = z.strictObject({ below: z.int32() });

/** What changes about a published version and about who may read a proxylet; every change has a reason. */
export class StateService {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(NamespaceService) private readonly namespaces: NamespaceService,
    @Inject(ProxyletService) private readonly proxylets: ProxyletService,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  /**
   * Deprecates, yanks, restores, holds or releases a version; `latest` follows in the same transaction. Only an
   * admin or a scanner holds, only an admin releases.
   *
   * @throws Problem `not-found`, `insufficient-scope`, `forbidden`, `quarantined`, `precondition-failed`
   */
  async changeState(
    name: string,
    version: string,
    change: StateChange,
    ifMatch: string | undefined,
    principal: Principal,
  ): Promise<Tagged<VersionView>> {
    await this.database.write(`proxylet ${name}`, async (manager) => {
      await this.authorize(principal, change, name, manager);
      const row = await needVersion(manager, parseName(name), version);
      assertIfMatch(ifMatch, etagOfVersion(row, await signersOf(manager, row.id)));
      assertMayRelease(principal, row, change, `${name} ${version}`);
      if (!isSame(row, change)) await this.append(manager, row, change, `${name}@${version}`, principal.key);
    });
    return await this.proxylets.version(name, version, ReadRights.forChange(principal));
  }

  /** Newest first. @throws Problem `not-found`, `invalid-request` for a foreign cursor */
  async history(
    name: string,
    version: string,
    { limit, cursor }: { readonly limit: number; readonly cursor?: string | undefined },
    reader: ReadRights,
  ): Promise<Page<StateEntry>> {
    const manager = this.database.read;
    const { id } = await readVersion(manager, reader, parseName(name), version);
    const query = manager
      .createQueryBuilder(VersionStateRow, 's')
      .where('s.versionId = :id', { id })
      .orderBy('s.id', 'DESC')
      .limit(limit + 1);
    if (cursor !== undefined) query.andWhere('s.id < :below', decodeCursor(cursor, historyCursor));
    const rows = await query.getMany();
    const items = rows.slice(0, limit);
    const last = items.at(-1);
    const isMore = rows.length > limit && last !== undefined;
    return { items: items.map(entryOf), ...(isMore ? { nextCursor: encodeCursor({ below: last.id }) } : {}) };
  }

  /** @throws Problem `not-found`, `insufficient-scope`, `forbidden`, `precondition-failed` */
  async changeVisibility(
    name: string,
    { visibility, reason }: VisibilityChange,
    ifMatch: string | undefined,
    principal: Principal,
  ): Promise<Tagged<ProxyletView>> {
    const reader = ReadRights.forChange(principal);
    await this.database.write(`proxylet ${name}`, async (manager) => {
      await this.namespaces.authorizeOn(principal, 'catalog.change-visibility', name, manager);
      const row = await needProxylet(manager, parseName(name));
      if (ifMatch !== undefined) assertIfMatch(ifMatch, (await this.proxylets.get(name, reader)).etag);
      const before = row.visibility;
      if (before === visibility) return;
      await manager.update(ProxyletRow, row.id, { visibility, revision: row.revision + 1 });
      await writeAudit(manager, {
        at: this.clock.now(),
        actor: principal.key,
        action: 'proxylet.visibility',
        target: name,
        detail: { before, after: visibility, reason },
      });
    });
    return await this.proxylets.get(name, reader);
  }

  private async authorize(
    principal: Principal,
    { state }: StateChange,
    name: string,
    manager: EntityManager,
  ): Promise<void> {
    if (state === 'quarantined') enforce(principal, 'catalog.quarantine', {}, `proxylet ${name}`);
    else await this.namespaces.authorizeOn(principal, 'catalog.change-state', name, manager);
  }

  private async append(
    manager: EntityManager,
    row: CurrentVersion,
    { state, reason, severity }: StateChange,
    target: string,
    actor: string,
  ): Promise<void> {
    const at = this.clock.now();
    await manager.insert(VersionStateRow, {
      versionId: row.id,
      state,
      reason,
      severity: severity ?? null,
      actor,
      at,
    });
    const proxylet = await manager.findOneByOrFail(ProxyletRow, { id: row.proxyletId });
    await refreshProxylet(manager, proxylet);
    const detail = { before: row.current.state, after: state, reason, severity: severity ?? null };
    await writeAudit(manager, { at, actor, action: 'version.state', target, detail });
  }
}

/** @throws Problem `quarantined` */
function assertMayRelease(
  principal: Principal,
  { current }: CurrentVersion,
  { state }: StateChange,
  what: string,
): void {
  if (current.state !== 'quarantined' || state === 'quarantined') return;
  if (can(principal, 'catalog.release') === 'allow') return;
  throw new Problem('quarantined', `${what} is held by the platform; only a platform admin can release it.`);
}

function isSame({ current }: CurrentVersion, { state, reason, severity }: StateChange): boolean {
  return current.state === state && current.reason === reason && current.severity === (severity ?? null);
}

function entryOf({ state, reason, severity, actor, at }: VersionStateRow): StateEntry {
  return { state, reason, ...(severity === null ? {} : { severity }), actor, at };
}
