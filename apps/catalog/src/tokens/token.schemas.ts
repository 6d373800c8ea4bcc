import { tokenActions } from '@proxylet/auth';
import { isName, isNamePart } from '@proxylet/contract';
import { isAddressRange } from '@proxylet/nest';
import { z } from 'zod';

const unique = (list: readonly string[]) => new Set(list).size === list.length;

export const actionsSchema = z
  .array(z.enum(tokenActions))
  .min(1, 'must name at least one action')
  .refine(unique, 'must not name an action twice');

const resourceSchema = z
  .string()
  .max(130)
  .refine(
    (text) => isName(text) || (text.endsWith('/*') && isNamePart(text.slice(0, -2))),
    'must be namespace/* or namespace/name',
  )
  .meta({ example: 'demo/*' });

export const tokenBody = z.strictObject({
  label: z
    .string()
    .trim()
    .min(1, 'must say what the token is for')
    .max(100)
    .regex(/^\P{Cc}*$/u, 'must be one line'),
  actions: actionsSchema,
  resources: z
    .array(resourceSchema)
    .min(1, 'must name at least one resource')
    .max(50)
    .refine(unique, 'must not name one twice'),
  expiresAt: z.iso.datetime({ offset: true }).meta({ description: 'At most 366 days from now' }),
  cidrs: z
    .array(z.string().max(50).refine(isAddressRange, 'must be an address range such as 192.0.2.0/24'))
    .max(20)
    .default([])
    .meta({ description: 'Addresses the token may be used from; without it everywhere' }),
});
export type TokenWish = z.output<typeof tokenBody>;

export const tokenSchema = z.object({
  id: z.string(),
  label: z.string(),
  /** How the secret begins. */
  prefix: z.string(),
  actions: z.array(z.enum(tokenActions)),
  resources: z.array(z.string()),
  cidrs: z.array(z.string()),
  createdAt: z.iso.datetime(),
  expiresAt: z.iso.datetime(),
  /** To the minute. */
  lastUsedAt: z.iso.datetime().optional(),
  revokedAt: z.iso.datetime().optional(),
});
export type TokenView = z.output<typeof tokenSchema>;

export const newTokenSchema = tokenSchema.extend({
  token: z.string().meta({ description: 'The secret: shown now and never again' }),
});
export type NewTokenView = z.output<typeof newTokenSchema>;

export const exchangeBody = z.strictObject({
  token: z.string().min(1).max(8192).meta({ description: 'The identity token (JWT) the CI gave the job' }),
  policy: z
    .string()
    .max(130)
    .optional()
    .meta({ description: '`namespace/id`; needed where several policies take the token' }),
});
export type ExchangeWish = z.output<typeof exchangeBody>;
