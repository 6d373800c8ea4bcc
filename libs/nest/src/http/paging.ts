import { Problem } from '@proxylet/contract';
import { z } from 'zod';
import { findUnfitText } from './plain-text.js';

export const pageLimitMax = 100;
export const pageLimitDefault = 50;

const digits = /^\d{1,4}$/;

/** Members of a list route's query: `z.strictObject({ ...pageQuery, q: … })`. */
export const pageQuery = {
  limit: z
    .string()
    .refine((text) => digits.test(text) && Number(text) >= 1 && Number(text) <= pageLimitMax, {
      message: `must be a whole number from 1 to ${pageLimitMax}`,
    })
    .transform(Number)
    .default(pageLimitDefault)
    .meta({ description: `Items of one page, 1 to ${pageLimitMax}; default ${pageLimitDefault}` }),
  cursor: z.string().min(1).max(1024).optional().meta({ description: '`nextCursor` of the page before' }),
};

/** `?flag`, `?flag=true` or `?flag=false`; false where it is left out. */
export const queryFlag = z
  .enum(['', 'true', 'false'], 'must be true or false')
  .default('false')
  .transform((text) => text !== 'false');

/** Schema of one page of items. */
export function pageSchema<T extends z.ZodType>(item: T) {
  return z.object({ items: z.array(item), nextCursor: z.string().optional() });
}

/** Where the next page begins, as text without meaning for the caller. */
export function encodeCursor(position: unknown): string {
  return Buffer.from(JSON.stringify(position)).toString('base64url');
}

/** @throws Problem `invalid-request` where the text is none of `encodeCursor`'s */
export function decodeCursor<T>(cursor: string, schema: z.ZodType<T>): T {
  const position = parse(cursor);
  const parsed = schema.safeParse(position);
  if (parsed.success && findUnfitText(position) === undefined) return parsed.data;
  throw new Problem('invalid-request', 'The cursor is not one this list gave.', {
    errors: [{ pointer: '/query/cursor', detail: 'is not a cursor of this list' }],
  });
}

function parse(cursor: string): unknown {
  try {
    return JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
  } catch {
    return undefined;
  }
}
