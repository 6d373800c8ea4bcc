import { z } from 'zod';
import { deliveryStates } from '../database/webhook.entity.js';
import { namespaceParams } from '../http/params.js';
import { changeKinds } from '../ledger/changes-of-audit.js';

export const webhookParams = namespaceParams.extend({ id: z.string().max(64) });
export const deliveryParams = webhookParams.extend({ delivery: z.string().max(128) });

const url = z
  .string()
  .max(2048)
  .refine(isHookUrl, 'must be an http or https address without user name, password and fragment');
const events = z
  .array(z.enum(changeKinds, `must be among ${changeKinds.join(', ')}`))
  .max(50)
  .refine((list) => new Set(list).size === list.length, 'must not name one twice')
  .meta({ description: 'Kinds of changes; empty for all' });

export const newWebhookBody = z.strictObject({ url, events: events.default([]) });
export type NewWebhook = z.output<typeof newWebhookBody>;

export const webhookChangeBody = z.strictObject({
  url: url.optional(),
  events: events.optional(),
  active: z.boolean().optional(),
});
export type WebhookChange = z.output<typeof webhookChangeBody>;

export const webhookSchema = z.object({
  id: z.string(),
  url: z.string(),
  events: z.array(z.string()),
  active: z.boolean(),
  createdBy: z.string(),
  createdAt: z.iso.datetime(),
  /** Deliveries by what became of them; delivered and dead ones are forgotten after a while. */
  deliveries: z.object({ pending: z.int(), delivered: z.int(), dead: z.int() }),
});
export type WebhookView = z.output<typeof webhookSchema>;

export const createdWebhookSchema = webhookSchema.extend({
  /** What deliveries are signed with; shown this once. */
  secret: z.string(),
});
export type CreatedWebhook = z.output<typeof createdWebhookSchema>;

export const deliverySchema = z.object({
  /** The `webhook-id` of each attempt. */
  id: z.string(),
  kind: z.string(),
  state: z.enum(deliveryStates),
  attempts: z.int(),
  createdAt: z.iso.datetime(),
  triedAt: z.iso.datetime().optional(),
  /** When it will be tried again, of a pending one. */
  nextAt: z.iso.datetime().optional(),
  lastStatus: z.int().optional(),
  lastError: z.string().optional(),
  event: z.record(z.string(), z.unknown()),
});
export type DeliveryView = z.output<typeof deliverySchema>;

function isHookUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password, hash } = new URL(text);
  return (protocol === 'https:' || protocol === 'http:') && username + password + hash === '';
}
