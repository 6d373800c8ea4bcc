import type { Provider, Type } from '@nestjs/common';
import type { ConfigOf } from '@proxylet/nest';
import { DeliveryLog } from './delivery-log.js';
import { WEBHOOK_POLICY, type WebhookPolicy, WebhookWorker } from './webhook-worker.js';
import type { webhookSettings } from './webhook.config.js';
import { WebhookController } from './webhook.controller.js';
import { WebhookService } from './webhook.service.js';

/** What the catalog is made of as far as it tells others of changes. */
export const webhookControllers: Type[] = [WebhookController];

export function webhookProviders(config: ConfigOf<typeof webhookSettings>): Provider[] {
  const policy: WebhookPolicy = {
    allow: config.webhookAllow,
    timeoutMs: config.webhookTimeoutMs,
    retryMs: config.webhookRetryMs,
    giveUpMs: config.webhookGiveUpMs,
  };
  return [{ provide: WEBHOOK_POLICY, useValue: policy }, DeliveryLog, WebhookWorker, WebhookService];
}
