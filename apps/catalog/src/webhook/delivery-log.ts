import { Inject } from '@nestjs/common';
import { In, LessThan, LessThanOrEqual, Not } from 'typeorm';
import { Clock } from '../clock.js';
import { Database } from '../database/database.js';
import { ChangeRow } from '../database/ledger.entity.js';
import { DeliveryRow, WebhookRow } from '../database/webhook.entity.js';
import { cloudEventOf } from './cloud-event.js';

/** Changes looked at in one transaction. */
const fanOutRows = 500;
/** Done deliveries are shown for so long. */
const shownMs = 7 * 24 * 3_600_000;

export type Outcome =
  | { readonly kind: 'delivered'; readonly status: number }
  | {
      readonly kind: 'failed';
      readonly status: number | null;
      readonly error: string;
      readonly nextAt: string;
    }
  | { readonly kind: 'dead'; readonly status: number | null; readonly error: string };

interface Pair {
  readonly hook: string;
  readonly seq: number | string;
}

/**
 * Deliveries in the database. They are made from the change feed by a position each webhook has: the feed is
 * gapless, so no webhook misses a change, and publishing writes no row for anybody's webhook.
 */
export class DeliveryLog {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  /** Makes deliveries of changes that came since; true where there may be more. */
  async fanOut(source: string, epoch: string, giveUpMs: number): Promise<boolean> {
    const pairs = await this.newPairs();
    if (pairs.length === 0) return false;
    await this.database.write('webhooks', async (manager) => {
      const hooks = await manager.findBy(WebhookRow, { id: In([...new Set(pairs.map(({ hook }) => hook))]) });
      const changes = await manager.findBy(ChangeRow, {
        seq: In([...new Set(pairs.map(({ seq }) => Number(seq)))]),
      });
      const bySeq = new Map(changes.map((change) => [change.seq, change]));
      for (const hook of hooks) {
        const own = pairs.filter((pair) => pair.hook === hook.id && Number(pair.seq) > hook.position);
        const wanted = own.flatMap(({ seq }) => wantedBy(hook, bySeq.get(Number(seq))));
        const rows = wanted.map((change) =>
          this.newDelivery(hook, change, cloudEventOf(change, epoch, source), giveUpMs),
        );
        if (rows.length > 0) await manager.insert(DeliveryRow, rows);
        await manager.update(WebhookRow, hook.id, { position: Number(own.at(-1)?.seq ?? hook.position) });
      }
    });
    return pairs.length === fanOutRows;
  }

  /**
   * Due ones, the longest due first.
   *
   * @param except under way
   * @param busy webhooks that have enough of them under way
   */
  async due(except: readonly string[], busy: readonly string[], limit: number): Promise<DeliveryRow[]> {
    return await this.database.read.find(DeliveryRow, {
      where: {
        state: 'pending',
        nextAt: LessThanOrEqual(this.clock.now()),
        ...(except.length === 0 ? {} : { id: Not(In([...except])) }),
        ...(busy.length === 0 ? {} : { webhookId: Not(In([...busy])) }),
      },
      order: { nextAt: 'ASC', seq: 'ASC' },
      take: limit,
    });
  }

  /** Where its webhook was deleted in the meantime there is nothing to note. */
  async note({ id, attempts }: DeliveryRow, outcome: Outcome): Promise<void> {
    const triedAt = this.clock.now();
    const lastError = outcome.kind === 'delivered' ? null : outcome.error;
    await this.database.write('webhooks', async (manager) => {
      await manager.update(DeliveryRow, id, {
        attempts: attempts + 1,
        triedAt,
        lastError,
        lastStatus: outcome.status,
        state: outcome.kind === 'failed' ? 'pending' : outcome.kind,
        ...(outcome.kind === 'failed' ? { nextAt: outcome.nextAt } : {}),
      });
    });
  }

  /** Forgets what was done long ago. */
  async trim(): Promise<void> {
    const triedAt = LessThan(new Date(Date.parse(this.clock.now()) - shownMs).toISOString());
    await this.database.write('webhooks', async (manager) => {
      await manager.delete(DeliveryRow, { state: Not('pending'), triedAt });
    });
  }

  private async newPairs(): Promise<Pair[]> {
    return await this.database.read
      .createQueryBuilder(WebhookRow, 'w')
      .innerJoin(ChangeRow, 'c', 'c.namespace = w.namespace AND c.seq > w.position')
      .select(['w.id AS hook', 'c.seq AS seq'])
      .where('w.isActive = 1')
      .orderBy('c.seq')
      .addOrderBy('w.id')
      .limit(fanOutRows)
      .getRawMany<Pair>();
  }

  private newDelivery(
    hook: WebhookRow,
    { seq, kind }: ChangeRow,
    body: string,
    giveUpMs: number,
  ): DeliveryRow {
    const now = this.clock.now();
    return {
      id: `msg_${hook.id.slice('wh_'.length)}_${seq}`,
      webhookId: hook.id,
      seq,
      kind,
      body,
      state: 'pending',
      attempts: 0,
      giveUpAt: new Date(Date.parse(now) + giveUpMs).toISOString(),
      nextAt: now,
      lastStatus: null,
      lastError: null,
      triedAt: null,
      createdAt: now,
    };
  }
}

function wantedBy({ events }: WebhookRow, change: ChangeRow | undefined): ChangeRow[] {
  const kinds = JSON.parse(events) as readonly string[];
  return change !== undefined && (kinds.length === 0 || kinds.includes(change.kind)) ? [change] : [];
}
