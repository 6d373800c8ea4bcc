import {
  digestSchema,
  manifestSchema,
  nameSchema,
  severities,
  versionSchema,
  versionStates,
  visibilities,
} from '@proxylet/contract';
import { z } from 'zod';

/** Answers of the proxylet routes, for their description and for the types of what makes them. */

const stateParts = {
  state: z.enum(versionStates),
  /** The publisher's words of the last change of state. */
  stateReason: z.string().optional(),
  severity: z.enum(severities).optional(),
};

/** Something in main that may not work in the sandbox; line and column from 1. */
export const warningSchema = z.object({
  rule: z.enum(['missing-api', 'dynamic-import']),
  detail: z.string(),
  line: z.int(),
  column: z.int(),
});

export const versionItemSchema = z.object({
  version: versionSchema,
  digest: digestSchema,
  sizeBytes: z.int(),
  ...stateParts,
  publishedAt: z.iso.datetime(),
});
export type VersionItem = z.output<typeof versionItemSchema>;

/** How often an archive was fetched, a caller counting once an hour; some seconds behind. */
const downloads = z.int();
export const listedVersionSchema = versionItemSchema.extend({ downloads });
export type ListedVersion = z.output<typeof listedVersionSchema>;

export const versionSchemaFull = versionItemSchema.extend({
  name: nameSchema,
  publishedBy: z.string(),
  /** Address of the archive. */
  blob: z.string(),
  hasReadme: z.boolean(),
  signedBy: z
    .array(z.string())
    .meta({ description: 'Ids of the keys whose signatures are at `/signatures`' }),
  manifest: manifestSchema,
  files: z.array(z.object({ path: z.string(), sizeBytes: z.int(), sha256: z.string() })),
  warnings: z.array(warningSchema),
});
export type VersionView = z.output<typeof versionSchemaFull>;

export const proxyletItemSchema = z.object({
  name: nameSchema,
  description: z.string().optional(),
  keywords: z.array(z.string()).optional(),
  license: z.string().optional(),
  /** Highest stable version that is not yanked; absent where there is none. */
  latest: versionSchema.optional(),
  /** The version described here: latest, else the highest there is. */
  version: versionSchema,
  runtime: z.object({ type: z.string(), version: z.string() }),
  capabilities: z.array(z.string()),
});
export type ProxyletItem = z.output<typeof proxyletItemSchema>;

export const proxyletSchema = proxyletItemSchema.extend({
  visibility: z.enum(visibilities),
  createdAt: z.iso.datetime(),
  downloads,
  shown: versionItemSchema,
  /** Channel → version. */
  channels: z.record(z.string(), versionSchema),
});
export type ProxyletView = z.output<typeof proxyletSchema>;

export const publishedSchema = z.object({
  name: nameSchema,
  version: versionSchema,
  digest: digestSchema,
  sizeBytes: z.int(),
  warnings: z.array(warningSchema),
  /** True where every check passed and nothing was stored. */
  dryRun: z.boolean(),
});
export type Published = z.output<typeof publishedSchema>;

export const channelSchema = z.object({
  name: z.string(),
  version: versionSchema,
  /** Newest first, at most 100. */
  history: z.array(z.object({ version: versionSchema, actor: z.string(), at: z.iso.datetime() })),
});
export type ChannelView = z.output<typeof channelSchema>;

export const channelBody = z.strictObject({ version: versionSchema });
