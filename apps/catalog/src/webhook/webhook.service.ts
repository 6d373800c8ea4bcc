import { randomBytes } from 'node:crypto';
import { Inject } from '@nestjs/common';
import type { Principal } from '@proxylet/auth';
import { type Page, Problem } from '@proxylet/contract';
import { decodeCursor, encodeCursor } from '@proxylet/nest';
import type { EntityManager } from 'typeorm';
import { LessThan } from 'typeorm';
import { z } from 'zod';
import { writeAudit } from '../audit.js';
import { Clock } from '../clock.js';
import { Database } from '../database/database.js';
import { DeliveryRow, type DeliveryState, WebhookRow } from '../database/webhook.entity.js';
import { isForbiddenLiteral } from '../http/checked-address.js';
import { FeedService } from '../ledger/feed.service.js';
import { NamespaceService } from '../namespace/namespace.service.js';
import { placeOfWebhook } from '../sealing/open-box.js';
import { SecretBox } from '../sealing/secret-box.js';
import { newSecret } from './signature.js';
import { WEBHOOK_POLICY, type WebhookPolicy } from './webhook-worker.js';
import type {
  CreatedWebhook,
  DeliveryView,
  NewWebhook,
  WebhookChange,
  WebhookView,
} from './webhook.schemas.js';

const maxPerNamespace = 20;
const deliveriesCursor = z.strictObject({ below: z.int() });

/** Webhooks of a namespace, for its owners and maintainers. */
export class WebhookService {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(NamespaceService) private readonly namespaces: NamespaceService,
    @Inject(FeedService) private readonly feed: FeedService,
    @Inject(WEBHOOK_POLICY) private readonly policy: WebhookPolicy,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(SecretBox) private readonly box: SecretBox,
  ) {}

  /** It hears of what changes from now on. @throws Problem `not-found`, `forbidden`, `webhook-refused`, `quota-exceeded` */
  async create(namespace: string, wish: NewWebhook, principal: Principal): Promise<CreatedWebhook> {
    this.assertReachable(wish.url);
    const { last: position } = await this.feed.bounds();
    const id = `wh_${randomBytes(12).toString('hex')}`;
    const secret = newSecret();
    const row: WebhookRow = {
      id,
      namespace,
      url: wish.url,
      secret: this.box.seal(secret, placeOfWebhook(id)),
      events: JSON.stringify(wish.events),
      isActive: 1,
      position,
      createdBy: principal.key,
      createdAt: this.clock.now(),
    };
    await this.change(namespace, principal, async (manager) => {
      if ((await manager.countBy(WebhookRow, { namespace })) >= maxPerNamespace) {
        throw new Problem('quota-exceeded', `A namespace has at most ${maxPerNamespace} webhooks.`);
      }
      await manager.insert(WebhookRow, row);
      return { action: 'webhook.create', row };
    });
    return { ...viewOf(row, []), secret };
  }

  async list(namespace: string, principal: Principal): Promise<{ readonly items: readonly WebhookView[] }> {
    await this.namespaces.authorize(principal, 'catalog.manage-webhooks', namespace);
    const rows = await this.database.read.find(WebhookRow, {
      where: { namespace },
      order: { createdAt: 'ASC' },
    });
    return { items: await Promise.all(rows.map((row) => this.view(row))) };
  }

  /** @throws Problem `not-found`, `forbidden` */
  async get(namespace: string, id: string, principal: Principal): Promise<WebhookView> {
    await this.namespaces.authorize(principal, 'catalog.manage-webhooks', namespace);
    return await this.view(await need(this.database.read, namespace, id));
  }

  /** @throws Problem `not-found`, `forbidden`, `webhook-refused` */
  async update(
    namespace: string,
    id: string,
    change: WebhookChange,
    principal: Principal,
  ): Promise<WebhookView> {
    if (change.url !== undefined) this.assertReachable(change.url);
    const { last } = await this.feed.bounds();
    await this.change(namespace, principal, async (manager) => {
      const row = await need(manager, namespace, id);
      const isWoken = change.active === true && row.isActive === 0;
      Object.assign(row, {
        url: change.url ?? row.url,
        events: change.events === undefined ? row.events : JSON.stringify(change.events),
        isActive: (change.active ?? row.isActive === 1) ? 1 : 0,
        // What happened while it was switched off was not meant for it.
        position: isWoken ? last : row.position,
      });
      await manager.update(WebhookRow, id, row);
      return { action: 'webhook.change', row };
    });
    return await this.get(namespace, id, principal);
  }

  /** Its deliveries go with it. @throws Problem `not-found`, `forbidden` */
  async remove(namespace: string, id: string, principal: Principal): Promise<void> {
    await this.change(namespace, principal, async (manager) => {
      const row = await need(manager, namespace, id);
      await manager.delete(DeliveryRow, { webhookId: id });
      await manager.delete(WebhookRow, { id });
      return { action: 'webhook.remove', row };
    });
  }

  /** Newest first. @throws Problem `not-found`, `forbidden`, `invalid-request` for a foreign cursor */
  async deliveries(
    namespace: string,
    id: string,
    query: {
      readonly limit: number;
      readonly cursor?: string | undefined;
      readonly state?: DeliveryState | undefined;
    },
    principal: Principal,
  ): Promise<Page<DeliveryView>> {
    await this.namespaces.authorize(principal, 'catalog.manage-webhooks', namespace);
    await need(this.database.read, namespace, id);
    const { limit, cursor, state } = query;
    const rows = await this.database.read.find(DeliveryRow, {
      where: {
        webhookId: id,
        ...(state === undefined ? {} : { state }),
        ...(cursor === undefined ? {} : { seq: LessThan(decodeCursor(cursor, deliveriesCursor).below) }),
      },
      order: { seq: 'DESC' },
      take: limit + 1,
    });
    const items = rows.slice(0, limit);
    const last = items.at(-1);
    const isMore = rows.length > limit && last !== undefined;
    return {
      items: items.map(deliveryOf),
      ...(isMore ? { nextCursor: encodeCursor({ below: last.seq }) } : {}),
    };
  }

  /** Sends a delivery again, whatever became of it. @throws Problem `not-found`, `forbidden` */
  async replay(namespace: string, id: string, delivery: string, principal: Principal): Promise<DeliveryView> {
    const now = this.clock.now();
    const giveUpAt = new Date(Date.parse(now) + this.policy.giveUpMs).toISOString();
    await this.change(namespace, principal, async (manager) => {
      const row = await need(manager, namespace, id);
      const found = await manager.findOneBy(DeliveryRow, { id: delivery, webhookId: id });
      if (found === null) throw new Problem('not-found', `This webhook has no delivery ${delivery}.`);
      await manager.update(DeliveryRow, delivery, { state: 'pending', attempts: 0, nextAt: now, giveUpAt });
      return { action: 'webhook.replay', row };
    });
    this.database.changes.fire();
    return deliveryOf(await this.database.read.findOneByOrFail(DeliveryRow, { id: delivery }));
  }

  private async change(
    namespace: string,
    principal: Principal,
    work: (manager: EntityManager) => Promise<{ readonly action: string; readonly row: WebhookRow }>,
  ): Promise<void> {
    await this.database.write('webhooks', async (manager) => {
      await this.namespaces.authorize(principal, 'catalog.manage-webhooks', namespace, manager);
      const { action, row } = await work(manager);
      // A path or query may hold a secret of the receiver.
      const detail = {
        id: row.id,
        origin: new URL(row.url).origin,
        events: JSON.parse(row.events) as unknown,
      };
      await writeAudit(manager, {
        at: this.clock.now(),
        actor: principal.key,
        action,
        target: namespace,
        detail,
      });
    });
  }

  private assertReachable(url: string): void {
    if (!isForbiddenLiteral(url, this.policy.allow)) return;
    throw new Problem('webhook-refused', 'The address is not on the public internet.', {
      errors: [{ pointer: '/body/url', detail: 'must be a public address' }],
    });
  }

  private async view(row: WebhookRow): Promise<WebhookView> {
    const counts = await this.database.read
      .createQueryBuilder(DeliveryRow, 'd')
      .select(['d.state AS state', 'COUNT(*) AS count'])
      .where('d.webhookId = :id', { id: row.id })
      .groupBy('d.state')
      .getRawMany<{ state: DeliveryState; count: number | string }>();
    return viewOf(row, counts);
  }
}

async function need(manager: EntityManager, namespace: string, id: string): Promise<WebhookRow> {
  const row = await manager.findOneBy(WebhookRow, { id, namespace });
  if (row !== null) return row;
  throw new Problem('not-found', `The namespace ${namespace} has no such webhook.`);
}

function viewOf(
  { id, url, events, isActive, createdBy, createdAt }: WebhookRow,
  counts: readonly { readonly state: DeliveryState; readonly count: number | string }[],
): WebhookView {
  const of = (state: DeliveryState): number => Number(counts.find((row) => row.state === state)?.count ?? 0);
  const deliveries = { pending: of('pending'), delivered: of('delivered'), dead: of('dead') };
  return {
    id,
    url,
    events: JSON.parse(events) as string[],
    active: isActive === 1,
    createdBy,
    createdAt,
    deliveries,
  };
}

function deliveryOf(row: DeliveryRow): DeliveryView {
  const { id, kind, state, attempts, createdAt, triedAt, nextAt, lastStatus, lastError, body } = row;
  return {
    id,
    kind,
    state,
    attempts,
    createdAt,
    ...(triedAt === null ? {} : { triedAt }),
    ...(state === 'pending' ? { nextAt } : {}),
    ...(lastStatus === null ? {} : { lastStatus }),
    ...(lastError === null ? {} : { lastError }),
    event: JSON.parse(body) as DeliveryView['event'],
  };
}
