import { type CallerFacts, callerFacts } from '@proxylet/nest';
import type { EntityManager } from 'typeorm';
import type { AuditRow, ChangeRow } from '../database/ledger.entity.js';
import { type SqlValue, statement } from '../database/sql.js';
import { auditHash, genesisHash, namespaceOfTarget } from './audit-chain.js';
import { canonicalJson, type Json } from './canonical-json.js';
import { changeOf } from './changes-of-audit.js';

export interface AuditEntry {
  readonly at: string;
  /** Key of the principal. */
  readonly actor: string;
  /** `version.publish` */
  readonly action: string;
  /** `acme/thumb@1.3.0` */
  readonly target: string;
  /** Whose owners may read the entry; by default what stands before the first `/`, `@` or `#` of the target. */
  readonly namespace?: string;
  /** What is worth knowing besides, as JSON; never a secret. */
  readonly detail?: Readonly<Record<string, unknown>>;
}

interface NotedEntry extends AuditEntry {
  readonly via: CallerFacts | undefined;
}

/** Entries noted by transactions that are still open. */
const open = new WeakMap<EntityManager, NotedEntry[]>();

/** Makes a transaction take entries. */
export function openLedger(manager: EntityManager): void {
  open.set(manager, []);
}

/** @throws Error outside a transaction of `Database.write` */
export function noteEntry(manager: EntityManager, entry: AuditEntry): void {
  const entries = open.get(manager);
  if (entries === undefined) throw new Error('An audit entry belongs inside Database.write.');
  entries.push({ ...entry, via: callerFacts() });
}

/**
 * Last step of a transaction: gives its entries their numbers and hashes and writes them, with their changes. On
 * PostgreSQL a lock held to the end of the commit makes the order of numbers the order in which they become visible,
 * whichever catalog writes; being the last lock taken, it closes no circle.
 *
 * @returns whether readers of the feed have something new
 */
export async function sealLedger(manager: EntityManager, isPostgres: boolean): Promise<boolean> {
  const entries = open.get(manager) ?? [];
  open.delete(manager);
  if (entries.length === 0) return false;
  if (isPostgres) await manager.query(`SELECT pg_advisory_xact_lock(hashtextextended('proxylet ledger', 0))`);
  const head = await headOf(manager);
  const rows = chain(entries.map(wellFormed), head);
  for (const row of rows) await insertAudit(manager, valuesOf(row));
  const changes: ChangeRow[] = [];
  for (const row of rows) {
    const change = changeOf(row);
    if (change !== undefined)
      changes.push(Object.assign(change, { seq: head.changeSeq + changes.length + 1 }));
  }
  if (changes.length === 0) return false;
  for (const { seq, kind, key, namespace, proxylet, shownAs, digest, at, data } of changes)
    await insertChange(manager, [seq, kind, key, namespace, proxylet, shownAs, digest, at, data]);
  return true;
}

const insertAudit = statement(
  `INSERT INTO audit (seq, at, actor, action, target, namespace, detail, via, prev_hash, hash)
   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
);
const insertChange = statement(
  `INSERT INTO change (seq, kind, key, namespace, proxylet, shown_as, digest, at, data)
   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
);

function valuesOf(row: AuditRow): SqlValue[] {
  const { seq, at, actor, action, target, namespace, detail, via, prevHash, hash } = row;
  return [seq, at, actor, action, target, namespace, detail, via, prevHash, hash];
}

interface Head {
  readonly seq: number;
  readonly hash: string;
  readonly changeSeq: number;
}

async function headOf(manager: EntityManager): Promise<Head> {
  const [row]: { seq: number | string; hash: string; changeSeq: number | string | null }[] =
    await manager.query(
      `SELECT seq, hash, (SELECT MAX(c.seq) FROM change c) AS "changeSeq" FROM audit ORDER BY seq DESC LIMIT 1`,
    );
  if (row === undefined) return { seq: 0, hash: genesisHash, changeSeq: 0 };
  return { seq: Number(row.seq), hash: row.hash, changeSeq: Number(row.changeSeq ?? 0) };
}

function chain(entries: readonly Required<NotedEntry>[], head: Head): AuditRow[] {
  let { seq, hash: prevHash } = head;
  return entries.map(({ detail, via, ...entry }) => {
    seq += 1;
    const facts = { ...entry, seq, detail: detail as Json, via: via as Json | undefined };
    const hash = auditHash(prevHash, facts);
    const row = {
      ...facts,
      detail: canonicalJson(facts.detail),
      via: facts.via === undefined ? null : canonicalJson(facts.via),
      prevHash,
      hash,
    };
    prevHash = hash;
    return row;
  });
}

/** Text that a database would not give back as it was would break the chain. */
function wellFormed({ detail = {}, via, namespace, ...entry }: NotedEntry): Required<NotedEntry> {
  return {
    via: via?.tokenId === undefined ? via : { ...via, tokenId: clean(via.tokenId) },
    at: entry.at,
    actor: clean(entry.actor),
    action: entry.action,
    target: clean(entry.target),
    namespace: clean(namespace ?? namespaceOfTarget(entry.target)),
    detail: JSON.parse(JSON.stringify(detail), (_name, value: unknown) =>
      typeof value === 'string' ? value.toWellFormed() : value,
    ) as Readonly<Record<string, unknown>>,
  };
}

function clean(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\uFFFD');
}
