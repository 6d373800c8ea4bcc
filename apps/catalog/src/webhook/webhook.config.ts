import { setting, value } from '@proxylet/nest';
import { z } from 'zod';

const hosts = z
  .array(z.string().regex(/^[^\s/@]{1,253}$/, 'must be a host, or a host and a port'))
  .max(100)
  .transform((list) => list.map((host) => host.toLowerCase()));

export const webhookSettings = {
  webhookAllow: setting({
    env: 'PROXYLET_CATALOG_WEBHOOK_ALLOW',
    type: value.json(hosts),
    default: '[]',
    description:
      'JSON list of hosts, each as `host` or `host:port`, that webhooks may reach although their addresses are not public.',
  }),
  webhookTimeoutMs: setting({
    env: 'PROXYLET_CATALOG_WEBHOOK_TIMEOUT_MS',
    type: value.int({ min: 100, max: 60_000 }),
    default: '10000',
    description: 'Longest wait for the answer of a webhook, ms.',
  }),
  webhookRetryMs: setting({
    env: 'PROXYLET_CATALOG_WEBHOOK_RETRY_MS',
    type: value.int({ min: 10, max: 3_600_000 }),
    default: '5000',
    description:
      'Wait before the second attempt of a delivery, ms; it doubles with each attempt, up to an hour.',
  }),
  webhookGiveUpMs: setting({
    env: 'PROXYLET_CATALOG_WEBHOOK_GIVE_UP_MS',
    type: value.int({ min: 10, max: 30 * 86_400_000 }),
    default: '86400000',
    description: 'Time after which an undelivered delivery is dead, ms.',
  }),
};
