import { z } from 'zod';
import { sinceSchema } from './feed.schemas.js';

export const auditRowSchema = z.object({
  seq: z.int(),
  at: z.string(),
  /** Key of the principal. */
  actor: z.string(),
  action: z.string().meta({ example: 'version.publish' }),
  target: z.string().meta({ example: 'acme/thumb@1.3.0' }),
  namespace: z.string(),
  detail: z.unknown(),
  /** How the request came; absent for work of the catalog's own. */
  via: z
    .object({
      requestId: z.string().meta({ description: 'Trace id, as in answers and log lines' }),
      address: z
        .string()
        .optional()
        .meta({ description: 'Of the caller; shown to auditors and platform admins, and part of the hash' }),
      method: z.enum(['access-token', 'publish-token', 'trust-policy', 'none']),
      tokenId: z.string().optional(),
    })
    .optional(),
  prevHash: z.string(),
  /** Hex of SHA-256 over `prevHash` and the RFC 8785 form of the row without the two hashes. */
  hash: z.string(),
});
export type AuditView = z.output<typeof auditRowSchema>;

export const auditPageSchema = z.object({
  items: z.array(auditRowSchema),
  /** `since` of the next request. */
  last: z.int(),
});
export type AuditPage = z.output<typeof auditPageSchema>;

const namespace = z.string().min(1).max(64).optional();

export const auditQuery = z.strictObject({
  since: sinceSchema.default(0).meta({ description: '`last` of the answer before' }),
  limit: sinceSchema
    .refine((value) => value >= 1 && value <= 1000, 'must be a whole number from 1 to 1000')
    .default(100),
  namespace,
});
export type AuditQuery = z.output<typeof auditQuery>;

export const auditExportQuery = z.strictObject({ since: sinceSchema.default(0), namespace });
export type AuditExportQuery = z.output<typeof auditExportQuery>;

export const auditVerifyQuery = z.strictObject({
  head: z
    .string()
    .regex(/^\d{1,15}:[0-9a-f]{64}$/, 'must be <seq>:<hash>')
    .optional()
    .meta({ description: 'An end of the chain noted earlier, `<seq>:<hash>`; it must still be in it' }),
});
export type AuditVerifyQuery = z.output<typeof auditVerifyQuery>;

export const auditVerdictSchema = z.object({
  ok: z.boolean(),
  /** Rows that were found to be sound, from the first on. */
  checked: z.int(),
  /** End of the sound part; note it somewhere else, and give it to the next check. */
  head: z.object({ seq: z.int(), hash: z.string() }),
  /** Where the chain breaks; absent where it does not. */
  broken: z.object({ seq: z.int(), why: z.string() }).optional(),
});
export type AuditVerdict = z.output<typeof auditVerdictSchema>;
