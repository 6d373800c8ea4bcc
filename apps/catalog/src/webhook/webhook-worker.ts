import { setTimeout as delay } from 'node:timers/promises';
import { Inject, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { InjectLog, type Log, ServiceInfo } from '@proxylet/nest';
import { Database } from '../database/database.js';
import { Lease } from '../database/lease.js';
import { type DeliveryRow, WebhookRow } from '../database/webhook.entity.js';
import { TargetRefused } from '../http/target-refused.js';
import { FeedService } from '../ledger/feed.service.js';
import { placeOfWebhook } from '../sealing/open-box.js';
import { CannotOpen, SecretBox } from '../sealing/secret-box.js';
import { cloudEventType } from './cloud-event.js';
import { DeliveryLog, type Outcome } from './delivery-log.js';
import { guardedPost } from './guarded-post.js';
import { signedHeaders } from './signature.js';

export interface WebhookPolicy {
  readonly allow: readonly string[];
  readonly timeoutMs: number;
  readonly retryMs: number;
  readonly giveUpMs: number;
}

export const WEBHOOK_POLICY = Symbol('WebhookPolicy');

const maxUnderWay = 16;
/** A receiver that hangs holds up itself only. */
const maxUnderWayPerHook = 2;
const longestRetryMs = 3_600_000;
const tickMs = 1000;
const gatherMs = 50;
const trimEveryMs = 3_600_000;

/** Sends deliveries, at one catalog of all on a database. Each arrives at least once. */
export class WebhookWorker implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly stopping = new AbortController();
  private readonly lease: Lease;
  private readonly underWay = new Map<string, { readonly hook: string; readonly done: Promise<void> }>();
  private running: Promise<void> = Promise.resolve();
  private trimAtMs = 0;
  private wake = Promise.withResolvers<void>();

  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(FeedService) private readonly feed: FeedService,
    @Inject(DeliveryLog) private readonly deliveries: DeliveryLog,
    @Inject(WEBHOOK_POLICY) private readonly policy: WebhookPolicy,
    @Inject(ServiceInfo) private readonly info: ServiceInfo,
    @InjectLog() private readonly log: Log,
    @Inject(SecretBox) private readonly box: SecretBox,
  ) {
    this.lease = new Lease(database, 'webhooks');
  }

  onApplicationBootstrap(): void {
    this.running = this.run();
  }

  async onModuleDestroy(): Promise<void> {
    this.stopping.abort();
    this.wake.resolve();
    await this.running;
    await Promise.all([...this.underWay.values()].map(({ done }) => done));
    await this.lease.release().catch(() => undefined);
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      const changed = this.database.changes.next();
      this.wake = Promise.withResolvers<void>();
      try {
        if (await this.lease.hold()) await this.work();
      } catch (error) {
        this.log.warn({ err: error }, 'webhooks have to wait');
      }
      const tick = delay(tickMs * (0.8 + Math.random() * 0.4), undefined, { signal }).catch(() => undefined);
      await Promise.race([changed, this.wake.promise, tick]);
      // Publishing comes in bursts: one look is for all that was committed meanwhile.
      await delay(gatherMs, undefined, { signal }).catch(() => undefined);
    }
  }

  private async work(): Promise<void> {
    const { epoch } = await this.feed.bounds();
    while (await this.deliveries.fanOut(this.info.publicUrl, epoch, this.policy.giveUpMs));
    await this.startDue();
    if (Date.now() < this.trimAtMs) return;
    this.trimAtMs = Date.now() + trimEveryMs;
    await this.deliveries.trim();
  }

  /** Looks past what waits for a webhook that has enough under way. */
  private async startDue(): Promise<void> {
    for (let room = maxUnderWay; (room = maxUnderWay - this.underWay.size) > 0; ) {
      const busy = [...this.perHook()].flatMap(([hook, count]) =>
        count >= maxUnderWayPerHook ? [hook] : [],
      );
      const due = await this.deliveries.due([...this.underWay.keys()], busy, room);
      if (due.length === 0) return;
      for (const delivery of due) {
        if ((this.perHook().get(delivery.webhookId) ?? 0) < maxUnderWayPerHook) this.start(delivery);
      }
    }
  }

  private perHook(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const { hook } of this.underWay.values()) counts.set(hook, (counts.get(hook) ?? 0) + 1);
    return counts;
  }

  private start(delivery: DeliveryRow): void {
    const { id, webhookId: hook } = delivery;
    const done = this.deliver(delivery)
      .catch((error: unknown) =>
        this.log.warn({ err: error }, 'the outcome of a delivery could not be noted'),
      )
      .finally(() => {
        this.underWay.delete(id);
        this.wake.resolve();
      });
    this.underWay.set(id, { hook, done });
  }

  private async deliver(delivery: DeliveryRow): Promise<void> {
    const hook = await this.database.read.findOneBy(WebhookRow, { id: delivery.webhookId });
    if (hook === null) return;
    const outcome: Outcome =
      hook.isActive === 1
        ? await this.attempt(hook, delivery)
        : { kind: 'dead', status: null, error: 'the webhook was switched off' };
    await this.deliveries.note(delivery, outcome);
  }

  private async attempt(hook: WebhookRow, delivery: DeliveryRow): Promise<Outcome> {
    const secret = this.secretOf(hook);
    if (secret === undefined) {
      const error = 'the secret of this webhook cannot be read any more; make a new webhook';
      return { kind: 'dead', status: null, error };
    }
    const headers = {
      'content-type': cloudEventType,
      'user-agent': 'proxylet-catalog',
      ...signedHeaders(secret, delivery.id, Math.floor(Date.now() / 1000), delivery.body),
    };
    try {
      const status = await guardedPost(hook.url, headers, delivery.body, this.policy);
      if (status >= 200 && status < 300) return { kind: 'delivered', status };
      const error =
        status >= 300 && status < 400
          ? 'answered with a redirect, which is not followed'
          : `answered ${status}`;
      return this.failed(delivery, status, error);
    } catch (error) {
      return this.failed(delivery, null, reasonOf(error));
    }
  }

  private secretOf({ id, secret }: WebhookRow): string | undefined {
    try {
      return this.box.open(secret, placeOfWebhook(id));
    } catch (error) {
      if (!(error instanceof CannotOpen)) throw error;
      this.log.error({ err: error, webhook: id }, 'the secret of a webhook cannot be opened');
      return undefined;
    }
  }

  /** Waits double from attempt to attempt and are spread, so that a receiver that comes back is not run over. */
  private failed({ attempts, giveUpAt }: DeliveryRow, status: number | null, error: string): Outcome {
    const waitMs = Math.min(this.policy.retryMs * 2 ** Math.min(attempts, 30), longestRetryMs);
    const nextAt = new Date(Date.now() + waitMs * (0.8 + Math.random() * 0.4)).toISOString();
    return nextAt > giveUpAt ? { kind: 'dead', status, error } : { kind: 'failed', status, error, nextAt };
  }
}

/** For the owner of the webhook: what failed, nothing of the inside of this network. */
function reasonOf(error: unknown): string {
  if (error instanceof TargetRefused) return error.message;
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? `the connection failed (${code})` : 'the connection failed';
}
