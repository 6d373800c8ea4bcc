import { randomUUID } from 'node:crypto';
import type { Database } from './database.js';
import { LeaseRow } from './webhook.entity.js';

/** The clocks of catalogs on one database may differ by less than half of this. */
const leaseMs = 20_000;

/**
 * Work that one catalog does at a time. A holder that died is followed by another after 20 s. Not a lock: a holder
 * that was held up may still be at it when the next one begins, so the work must bear being done twice.
 */
export class Lease {
  private readonly holder = randomUUID();
  private renewAtMs = 0;

  constructor(
    private readonly database: Database,
    private readonly name: string,
  ) {}

  /** Takes or keeps the lease; whether it is ours now. */
  async hold(): Promise<boolean> {
    // An embedded database is one process's own.
    if (this.database.kind !== 'postgres') return true;
    const nowMs = Date.now();
    if (nowMs < this.renewAtMs) return true;
    const seen = await this.database.read.findOneBy(LeaseRow, { name: this.name });
    if (this.isAnothers(seen, nowMs)) return false;
    const isOurs = await this.database.write(`lease ${this.name}`, async (manager) => {
      const row = await manager.findOneBy(LeaseRow, { name: this.name });
      if (this.isAnothers(row, nowMs)) return false;
      const until = new Date(nowMs + leaseMs).toISOString();
      await manager.save(LeaseRow, { name: this.name, holder: this.holder, until });
      return true;
    });
    this.renewAtMs = isOurs ? nowMs + leaseMs / 2 : 0;
    return isOurs;
  }

  /** Lets another catalog have it at once. */
  async release(): Promise<void> {
    if (this.renewAtMs === 0) return;
    this.renewAtMs = 0;
    await this.database.write(`lease ${this.name}`, async (manager) => {
      await manager.delete(LeaseRow, { name: this.name, holder: this.holder });
    });
  }

  private isAnothers(row: LeaseRow | null, nowMs: number): boolean {
    return row !== null && row.holder !== this.holder && row.until > new Date(nowMs).toISOString();
  }
}
