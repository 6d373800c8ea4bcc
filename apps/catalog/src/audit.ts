import type { EntityManager } from 'typeorm';
import { type AuditEntry, noteEntry } from './ledger/ledger.js';

/**
 * Called inside the transaction of the change itself, so that there is no change without an entry. `Database.write`
 * writes it as the transaction's last step, chained to the entry before, and with it what the change feed tells.
 *
 * @throws Error outside `Database.write`
 */
export function writeAudit(manager: EntityManager, entry: AuditEntry): Promise<void> {
  noteEntry(manager, entry);
  return Promise.resolve();
}
