import { z } from 'zod';
import { nameSchema, rangeSchema, versionSchema } from './wire.js';

/**
 * Body of `PUT /v1/services/{ns}/{name}`: a named set of proxylets with ranges. Registering deploys nothing.
 * Each registration with other content makes a new immutable version.
 */
export const serviceDefinitionSchema = z.strictObject({
  version: versionSchema,
  description: z.string().max(1000).optional(),
  proxylets: z
    .record(nameSchema, rangeSchema)
    .refine((value) => Object.keys(value).length > 0, 'must name at least one proxylet')
    .refine((value) => Object.keys(value).length <= 100, 'must name at most 100 proxylets'),
});
export type ServiceDefinition = z.output<typeof serviceDefinitionSchema>;
