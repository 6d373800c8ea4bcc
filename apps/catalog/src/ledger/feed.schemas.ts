import { z } from 'zod';

/** A change of the catalog, as readers of the feed get it. */
export const changeSchema = z.object({
  /** Goes up by one with every change of the catalog; what a reader may not see is left out. */
  seq: z.int(),
  kind: z.string().meta({ example: 'version.published' }),
  key: z.string().meta({ example: 'acme/thumb@1.3.0' }),
  digest: z.string().optional(),
  at: z.iso.datetime(),
  /** What else the kind tells: the new state and its reason, the version a channel leads to. */
  data: z.record(z.string(), z.unknown()),
});
export type Change = z.output<typeof changeSchema>;

export const changesSchema = z.object({
  /** Another one means another history: read afresh. */
  epoch: z.string(),
  items: z.array(changeSchema),
  /** `since` of the next request. */
  last: z.int(),
  /** The oldest change still kept. */
  oldest: z.int(),
});
export type ChangesPage = z.output<typeof changesSchema>;

const whole = (max: number, sentence: string) =>
  z
    .string()
    .refine((text) => /^\d{1,15}$/.test(text) && Number(text) <= max, sentence)
    .transform(Number);

export const sinceSchema = whole(Number.MAX_SAFE_INTEGER, 'must be a whole number');

export const changesQuery = z.strictObject({
  since: z
    .union([z.literal('now'), sinceSchema], 'must be a whole number or now')
    .optional()
    .meta({ description: '`last` of the answer before, or `now`; without it from the oldest change kept' }),
  epoch: z.string().min(1).max(64).optional().meta({ description: '`epoch` of the answer before' }),
  limit: whole(1000, 'must be a whole number from 1 to 1000')
    .refine((value) => value >= 1, 'must be a whole number from 1 to 1000')
    .default(100)
    .meta({ description: 'Changes of one answer, 1 to 1000; default 100' }),
  wait: whole(30, 'must be a whole number of seconds up to 30')
    .default(0)
    .meta({ description: 'Seconds to wait for a change where there is none, up to 30' }),
});
export type ChangesQuery = z.output<typeof changesQuery>;
