import type { Page } from '@proxylet/contract';
import { encodeCursor } from '@proxylet/nest';
import { z } from 'zod';
import type { ProxyletItem } from '../proxylet/proxylet.schemas.js';
import type { Part, Place, Stage } from './search-stage.js';

/** Stage, rank and proxylet that were looked at last. */
export const rankCursor = z.strictObject({ s: z.string(), r: z.int32(), i: z.int32() });
type RankCursor = z.output<typeof rankCursor>;

/** Collects a page of hits and knows where the next one begins. */
export class RankedPage {
  private readonly items: ProxyletItem[] = [];
  /** Whether there is one more hit than fits. */
  private hasMore = false;

  constructor(
    private readonly limit: number,
    private last: RankCursor | undefined,
  ) {}

  /** Rows still to be found: one more than fits says that there is another page. */
  get wanted(): number {
    return this.limit + 1 - this.items.length;
  }

  get isFull(): boolean {
    return this.hasMore;
  }

  placeIn({ key }: Stage): Place | undefined {
    return this.last?.s === key ? { rank: this.last.r, id: this.last.i } : undefined;
  }

  /** Parts must come in order. */
  add({ key }: Stage, { hits, last }: Part): void {
    for (const { rank, id, item } of hits) {
      if (this.items.length === this.limit) {
        this.hasMore = true;
        return;
      }
      this.items.push(JSON.parse(item) as ProxyletItem);
      this.last = { s: key, r: rank, i: id };
    }
    if (last !== undefined) this.last = { s: key, r: last.rank, i: last.id };
  }

  /** There is more behind, or may be. */
  unfinished(): Page<ProxyletItem> {
    return { items: this.items, nextCursor: encodeCursor(this.last) };
  }

  finished(): Page<ProxyletItem> {
    return this.hasMore ? this.unfinished() : { items: this.items };
  }
}
