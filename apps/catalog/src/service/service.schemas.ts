import { nameSchema, rangeSchema, versionSchema } from '@proxylet/contract';
import { z } from 'zod';

export const serviceItemSchema = z.object({
  version: versionSchema,
  description: z.string().optional(),
  proxylets: z.record(z.string(), rangeSchema),
  registeredBy: z.string(),
  registeredAt: z.iso.datetime(),
});
export type ServiceItem = z.output<typeof serviceItemSchema>;

export const serviceSchema = serviceItemSchema.extend({
  name: nameSchema,
  /** What each proxylet's range means now; null where no version is in it any more. */
  resolvesTo: z.record(z.string(), versionSchema.nullable()),
});
export type ServiceView = z.output<typeof serviceSchema>;
