import { Inject } from '@nestjs/common';
import { can, enforce, memberKeysOf, type Principal } from '@proxylet/auth';
import { MoreThan, type SelectQueryBuilder } from 'typeorm';
import { Database } from '../database/database.js';
import { AuditRow } from '../database/ledger.entity.js';
import { auditHash, genesisHash } from './audit-chain.js';
import type { AuditPage, AuditVerdict, AuditView } from './audit.schemas.js';
import type { Json } from './canonical-json.js';

/** Rows held in memory at a time, however long the audit is. */
const batchRows = 500;

export interface AuditFilter {
  readonly since: number;
  readonly namespace: string | undefined;
}

/** Reads the audit. Auditors and platform admins see all of it, owners of a namespace what is about it. */
export class AuditService {
  constructor(@Inject(Database) private readonly database: Database) {}

  async page(filter: AuditFilter, limit: number, principal: Principal): Promise<AuditPage> {
    const items = await this.rows(filter, limit, principal);
    const isAuditor = can(principal, 'audit.read') === 'allow';
    return { items: items.map((row) => auditView(row, isAuditor)), last: items.at(-1)?.seq ?? filter.since };
  }

  /** All of it as NDJSON, a line for each row. */
  async *lines({ since, namespace }: AuditFilter, principal: Principal): AsyncGenerator<string> {
    const isAuditor = can(principal, 'audit.read') === 'allow';
    let rows: AuditRow[];
    let position = since;
    do {
      rows = await this.rows({ since: position, namespace }, batchRows, principal);
      position = rows.at(-1)?.seq ?? position;
      if (rows.length > 0)
        yield `${rows.map((row) => JSON.stringify(auditView(row, isAuditor))).join('\n')}\n`;
    } while (rows.length === batchRows);
  }

  /**
   * Follows the chain from its beginning to where it breaks or ends.
   *
   * @param noted an end of the chain seen earlier: what was cut off at the end shows by nothing else
   * @throws Problem `forbidden` for whoever may not see all of it
   */
  async verify(
    noted: { seq: number; hash: string } | undefined,
    principal: Principal,
  ): Promise<AuditVerdict> {
    enforce(principal, 'audit.read', {}, 'the audit');
    let head = { seq: 0, hash: genesisHash };
    let checked = 0;
    const broken = (seq: number, why: string): AuditVerdict => ({
      ok: false,
      checked,
      head,
      broken: { seq, why },
    });
    let rows: AuditRow[];
    do {
      rows = await this.database.read.find(AuditRow, {
        where: { seq: MoreThan(head.seq) },
        order: { seq: 'ASC' },
        take: batchRows,
      });
      for (const row of rows) {
        const why = faultOf(row, head.hash) ?? faultOfNoted(row, noted);
        if (why !== undefined) return broken(row.seq, why);
        head = { seq: row.seq, hash: row.hash };
        checked += 1;
      }
    } while (rows.length === batchRows);
    if (noted !== undefined && noted.seq > head.seq) {
      return broken(head.seq + 1, `The audit ends before ${noted.seq}, which it had reached.`);
    }
    return { ok: true, checked, head };
  }

  private async rows(
    { since, namespace }: AuditFilter,
    limit: number,
    principal: Principal,
  ): Promise<AuditRow[]> {
    const query = this.database.read
      .createQueryBuilder(AuditRow, 'a')
      .where('a.seq > :since', { since })
      .orderBy('a.seq')
      .limit(limit);
    if (namespace !== undefined) query.andWhere('a.namespace = :namespace', { namespace });
    if (can(principal, 'audit.read') !== 'allow') restrictToOwned(query, principal);
    return await query.getMany();
  }
}

function restrictToOwned(query: SelectQueryBuilder<AuditRow>, principal: Principal): void {
  query.andWhere(
    `a.namespace IN (SELECT m.namespace FROM namespace_member m WHERE m.role = 'owner' AND m.principal IN (:...keys))`,
    { keys: memberKeysOf(principal) },
  );
}

function faultOf(row: AuditRow, prevHash: string): string | undefined {
  if (row.prevHash !== prevHash)
    return 'The row does not follow the one before: a row was removed, added or changed.';
  try {
    const { seq, at, actor, action, target, namespace } = row;
    const detail = JSON.parse(row.detail) as Json;
    const via = viaOf(row);
    const hash = auditHash(prevHash, { seq, at, actor, action, target, namespace, detail, via });
    return hash === row.hash ? undefined : 'The row is not the one that was written: its hash differs.';
  } catch {
    return 'The row is not the one that was written: its detail cannot be read.';
  }
}

function faultOfNoted(row: AuditRow, noted: { seq: number; hash: string } | undefined): string | undefined {
  if (noted?.seq !== row.seq || noted.hash === row.hash) return undefined;
  return 'The row is not the one that was noted: the audit was written anew.';
}

function viaOf({ via }: AuditRow): Json | undefined {
  return via === null ? undefined : (JSON.parse(via) as Json);
}

/** Where somebody works from is for auditors; owners of a namespace see what was done there, by whom and how. */
function auditView(row: AuditRow, isAuditor: boolean): AuditView {
  const { seq, at, actor, action, target, namespace, prevHash, hash } = row;
  const detail: unknown = JSON.parse(row.detail);
  const via = viaOf(row) as AuditView['via'];
  const shown = via === undefined ? {} : { via: isAuditor ? via : without(via) };
  return { seq, at, actor, action, target, namespace, detail, ...shown, prevHash, hash };
}

function without({ address: _address, ...via }: NonNullable<AuditView['via']>): AuditView['via'] {
  return via;
}
