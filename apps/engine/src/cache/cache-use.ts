import { GuestVisibleError } from '@proxylet/sandbox';
import type { CacheSql, EntryRow } from './cache-tables.js';

export interface CacheQuota {
  /** Of one installation: texts and bodies, bytes. */
  readonly bytes: number;
  /** Of all installations together, bytes. */
  readonly totalBytes: number;
}

interface Use {
  readonly bytes: number;
  readonly entries: number;
}

/** Entries of one installation. */
const maxEntries = 10_000;
const nothing: Use = { bytes: 0, entries: 0 };

/** What the spaces take, and what has to go for something new. */
export class CacheUse {
  private readonly bySpace = new Map<string, Use>();
  totalBytes = 0;

  /** @param drop takes an entry away, which calls `remove` */
  constructor(
    private readonly sql: Pick<CacheSql, 'sums' | 'oldest' | 'oldestOf'>,
    private readonly quota: CacheQuota,
    private readonly drop: (entry: EntryRow) => void,
  ) {
    this.recount();
  }

  recount(): void {
    this.bySpace.clear();
    this.totalBytes = 0;
    for (const row of this.sql.sums.all() as (Use & { space: string })[]) {
      this.bySpace.set(row.space, { bytes: row.bytes, entries: row.entries });
      this.totalBytes += row.bytes;
    }
  }

  of(space: string): Use {
    return this.bySpace.get(space) ?? nothing;
  }

  add(space: string, bytes: number): void {
    const { bytes: before, entries } = this.of(space);
    this.bySpace.set(space, { bytes: before + bytes, entries: entries + 1 });
    this.totalBytes += bytes;
  }

  remove(space: string, bytes: number): void {
    const { bytes: before, entries } = this.of(space);
    if (entries <= 1) this.bySpace.delete(space);
    else this.bySpace.set(space, { bytes: before - bytes, entries: entries - 1 });
    this.totalBytes -= bytes;
  }

  /** @throws GuestVisibleError where it would not fit into an empty space either */
  makeRoom(space: string, bytes: number): void {
    const { quota } = this;
    if (bytes > quota.bytes || bytes > quota.totalBytes) {
      const most = Math.min(quota.bytes, quota.totalBytes);
      throw new GuestVisibleError('QuotaExceededError', `A cache holds at most ${most} bytes here.`);
    }
    while (this.of(space).bytes + bytes > quota.bytes || this.of(space).entries >= maxEntries) {
      if (!this.dropFirst(this.sql.oldestOf.get(space))) throw busy();
    }
    while (this.totalBytes + bytes > quota.totalBytes) {
      if (!this.dropFirst(this.sql.oldest.get())) throw busy();
    }
  }

  private dropFirst(row: unknown): boolean {
    if (row === undefined) return false;
    this.drop(row as EntryRow);
    return true;
  }
}

/** All that is there is being written at this moment. */
function busy(): GuestVisibleError {
  return new GuestVisibleError('QuotaExceededError', 'Too much is being stored at once.');
}
