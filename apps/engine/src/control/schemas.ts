import {
  consentSchema,
  digestSchema,
  installationStates,
  isNamePart,
  isTopic,
  isTopicFilter,
  nameSchema,
  permissionsSchema,
  rangeSchema,
  resolutionPreferences,
  versionSchema,
} from '@proxylet/contract';
import { pageQuery } from '@proxylet/nest';
import { z } from 'zod';
import { parseOrigin } from '../egress/origin-rules.js';

const partSchema = z
  .string()
  .refine(isNamePart, 'must be lower-case letters, digits and single hyphens, at most 64 characters');

export const nameParams = z.strictObject({ ns: partSchema, name: partSchema });
export type NameParams = z.output<typeof nameParams>;

export const idParams = z.strictObject({ id: z.uuid() });
export type IdParams = z.output<typeof idParams>;

export const listQuery = z.strictObject({ ...pageQuery });
export type ListQuery = z.output<typeof listQuery>;

const settingsSchema = z.record(z.string(), z.unknown());

/** A body may be left out: it then asks for the highest version and consents to nothing new. */
export const installBody = z
  .strictObject({
    version: rangeSchema.optional().meta({ description: 'Range of wanted versions; any by default' }),
    consent: consentSchema.optional(),
    config: settingsSchema
      .optional()
      .meta({ description: 'Settings of the proxylet; left out, those given before stay' }),
  })
  .nullish();
export type InstallBody = z.output<typeof installBody>;

export const settingsBody = z.strictObject({
  config: settingsSchema.nullable().meta({ description: 'All settings; null goes back to the defaults' }),
});
export type SettingsBody = z.output<typeof settingsBody>;

export const settingsViewSchema = z.object({
  /** As given; null where none were. */
  config: settingsSchema.nullable(),
  /** What the proxylet finds in `env.CONFIG`: those given over the defaults. */
  effective: settingsSchema,
  /** JSON Schema of the manifest; null where it takes no settings. */
  schema: settingsSchema.nullable(),
});
export type SettingsView = z.output<typeof settingsViewSchema>;

export const secretParams = nameParams.extend({
  secret: z.string().regex(/^[A-Z][A-Z0-9_]{0,63}$/, 'must be an upper-case name such as API_KEY'),
});
export type SecretParams = z.output<typeof secretParams>;

export const secretBody = z.strictObject({
  value: z
    .string()
    .min(1, 'must not be empty')
    .max(32 * 1024, 'must have at most 32768 characters')
    .refine((text) => text.isWellFormed(), 'must be well-formed Unicode')
    .meta({ description: 'Up to 32 768 characters; never shown again' }),
});
export type SecretBody = z.output<typeof secretBody>;

export const secretSchema = z.object({
  name: z.string(),
  /** Whether the proxylet finds a value. */
  isSet: z.boolean(),
  /** Whether the version in place asks for it. */
  isDeclared: z.boolean(),
  isGranted: z.boolean(),
  /** Key that the stored value is sealed with. */
  keyId: z.string().optional(),
  createdAt: z.iso.datetime().optional(),
  changedAt: z.iso.datetime().optional(),
  changedBy: z.string().optional(),
});
export type SecretView = z.output<typeof secretSchema>;
export const secretsSchema = z.object({ items: z.array(secretSchema) });
export const rotationSchema = z.object({ keyId: z.string(), secrets: z.int() });

export const topicParams = z.strictObject({
  topic: z.string().refine(isTopic, 'must be a topic such as meters.a1'),
});
export type TopicParams = z.output<typeof topicParams>;
export const topicFilterParams = z.strictObject({
  filter: z.string().refine(isTopicFilter, 'must be a filter such as meters.>'),
});
export type TopicFilterParams = z.output<typeof topicFilterParams>;
export const publishedSchema = z.object({ id: z.string() });

export const scheduleSchema = z.object({
  items: z.array(
    z.object({
      /** Five fields, in UTC. */
      cron: z.string(),
      /** Null for a line that never comes due. */
      next: z.iso.datetime().nullable(),
      isRunning: z.boolean(),
      /** The last time that was left out since the run before it was still under way. */
      skipped: z.iso.datetime().optional(),
      last: z
        .object({
          due: z.iso.datetime(),
          startedAt: z.iso.datetime(),
          endedAt: z.iso.datetime().optional(),
          /** `ok`, `running`, `interrupted`, or the code of the problem it ended with. */
          outcome: z.string(),
          traceId: z.string(),
        })
        .optional(),
    }),
  ),
});

export const initializeBody = z
  .strictObject({
    version: rangeSchema.optional(),
    consent: consentSchema.optional(),
    prefer: z.enum(resolutionPreferences).optional().meta({
      description: '`installed` keeps what is here and does, `highest` (default) takes the newest that does',
    }),
  })
  .nullish();
export type InitializeBody = z.output<typeof initializeBody>;

export const installationSchema = z.object({
  id: z.string(),
  name: nameSchema,
  version: versionSchema,
  digest: digestSchema,
  sizeBytes: z.int(),
  scope: z.enum(['user', 'shared']),
  state: z.enum(installationStates),
  reason: z.string(),
  since: z.iso.datetime(),
  /** What was granted. */
  permissions: permissionsSchema,
  limits: z.object({ memoryMb: z.int(), cpuMs: z.int(), timeoutMs: z.int() }),
  config: z.record(z.string(), z.unknown()).optional(),
  /** Why it is here: `you`, `service demo/smart-grid`, or the proxylet that needs it. */
  requestedBy: z.array(z.string()),
  consentedBy: z.string(),
  previousVersion: versionSchema.optional(),
  /** Where it is called. */
  url: z.url(),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
});
export type InstallationView = z.output<typeof installationSchema>;

export const ownedInstallationSchema = installationSchema.extend({
  owner: z.object({ key: z.string(), issuer: z.string(), subject: z.string() }),
});
export type OwnedInstallationView = z.output<typeof ownedInstallationSchema>;

export const initializedSchema = z.object({
  service: nameSchema,
  version: versionSchema,
  installations: z.array(installationSchema),
});

export const logQuery = z.strictObject({
  limit: z
    .string()
    .refine((text) => /^\d{1,4}$/.test(text) && Number(text) >= 1 && Number(text) <= 1000, {
      message: 'must be a whole number from 1 to 1000',
    })
    .transform(Number)
    .default(100)
    .meta({ description: 'Lines, 1 to 1000; default 100' }),
});
export type LogQuery = z.output<typeof logQuery>;

export const logLineSchema = z.object({
  id: z.string(),
  at: z.iso.datetime(),
  level: z.enum(['debug', 'info', 'warn', 'error']),
  text: z.string(),
  traceId: z.string().optional(),
  version: versionSchema,
});
export const logSchema = z.object({ items: z.array(logLineSchema) });

export const runnersSchema = z.object({
  items: z.array(
    z.object({
      group: z.string(),
      pid: z.int(),
      state: z.enum(['spare', 'active', 'draining']),
      startedAt: z.iso.datetime(),
      ageSeconds: z.int(),
      rssBytes: z.int(),
      isolates: z.int(),
      inFlight: z.int(),
      calls: z.int(),
    }),
  ),
});

const originSchema = z
  .string()
  .max(300)
  .refine((text) => parseOrigin(text) !== undefined, 'must be one origin such as http://10.0.0.7:1026')
  .transform((text) => parseOrigin(text) ?? text);
const proxyletPattern = z
  .string()
  .regex(/^[a-z0-9]+(?:-[a-z0-9]+)*\/(?:\*|[a-z0-9]+(?:-[a-z0-9]+)*)$/, 'must be acme/thumb or acme/*');

export const egressBody = z.strictObject({
  origin: originSchema,
  proxylets: z.array(proxyletPattern).min(1).max(1000),
});
export type EgressBody = z.output<typeof egressBody>;

export const egressQuery = z.strictObject({ origin: originSchema });
export type EgressQuery = z.output<typeof egressQuery>;

export const egressRuleSchema = z.object({
  origin: z.string(),
  proxylets: z.array(z.string()),
  changedBy: z.string(),
  changedAt: z.iso.datetime(),
});
export const egressSchema = z.object({ items: z.array(egressRuleSchema) });
