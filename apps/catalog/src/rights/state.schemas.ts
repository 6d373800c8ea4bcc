import { severities, versionStates, visibilities } from '@proxylet/contract';
import { z } from 'zod';

export const reasonSchema = z.string().trim().min(1, 'must say why').max(1000);

export const stateBody = z.strictObject({
  state: z.enum(versionStates),
  reason: reasonSchema,
  severity: z.enum(severities).optional(),
});
export type StateChange = z.output<typeof stateBody>;

export const stateEntrySchema = z.object({
  state: z.enum(versionStates),
  /** Empty of a version as it was published. */
  reason: z.string(),
  severity: z.enum(severities).optional(),
  actor: z.string(),
  at: z.iso.datetime(),
});
export type StateEntry = z.output<typeof stateEntrySchema>;

export const visibilityBody = z.strictObject({ visibility: z.enum(visibilities), reason: reasonSchema });
export type VisibilityChange = z.output<typeof visibilityBody>;
