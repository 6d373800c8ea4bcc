import type { EntityManager } from 'typeorm';
import { AuditRow } from './database/record.entity.js';

export interface AuditEntry {
  readonly at: string;
  /** Key of the principal. */
  readonly actor: string;
  /** `version.publish` */
  readonly action: string;
  /** `acme/thumb@1.3.0` */
  readonly target: string;
  /** What is worth knowing besides; never a secret. */
  readonly detail?: Readonly<Record<string, unknown>>;
}

/** Called inside the transaction of the change itself, so that there is no change without an entry. */
export async function writeAudit(
  manager: EntityManager,
  { detail = {}, ...entry }: AuditEntry,
): Promise<void> {
  await manager.insert(AuditRow, { ...entry, detail: JSON.stringify(detail) });
}
