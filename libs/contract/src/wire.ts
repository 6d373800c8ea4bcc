import { z } from 'zod';
import { isCapabilityOffer } from './capability.js';
import { isName, isNamePart } from './name.js';
import { isRange, isVersion } from './version.js';

/** Shapes of the HTTP contract (DESIGN §7) that more than one part reads or writes. */

export const nameSchema = z.string().refine(isName, 'must be namespace/name').meta({ example: 'demo/geo' });
export const versionSchema = z
  .string()
  .refine(isVersion, 'must be a version such as 1.4.0')
  .meta({ example: '1.4.0' });
export const rangeSchema = z.string().refine(isRange, 'must be a range such as ^1.2').meta({ example: '^1' });
export const digestSchema = z.templateLiteral(['sha256:', z.string().regex(/^[0-9a-f]{64}$/)]);

export const runtimeSchema = z.strictObject({ type: z.string().min(1).max(64), version: versionSchema });

export const installedSchema = z.strictObject({
  name: nameSchema,
  version: versionSchema,
  digest: digestSchema.optional(),
});

/** What an engine can run and already has; sent with `POST /v1/resolve`. */
export const engineProfileSchema = z.strictObject({
  runtimes: z.array(runtimeSchema).max(20),
  capabilities: z
    .array(z.string().refine(isCapabilityOffer, 'must be a capability such as kv or gpio@2.1.0'))
    .max(200)
    .default([]),
  installed: z.array(installedSchema).max(10_000).default([]),
});
export type EngineProfile = z.output<typeof engineProfileSchema>;

/** A movable name of one version, such as `next`; `latest` is computed. Nothing that could be a range. */
export function isChannel(value: string): boolean {
  return isNamePart(value) && !isRange(value);
}

export const channelSchema = z
  .string()
  .refine(
    isChannel,
    'must be a channel such as next: lower-case words with hyphens between them, and no range',
  )
  .meta({ example: 'next' });

export const wantSchema = z.union([
  z.strictObject({ proxylet: nameSchema, range: rangeSchema.default('*') }),
  z.strictObject({ proxylet: nameSchema, channel: channelSchema }),
  z.strictObject({ service: nameSchema, range: rangeSchema.default('*') }),
]);
export type Want = z.output<typeof wantSchema>;

/** What resolution prefers where several versions do: `highest` by default, see `ResolveQuestion`. */
export const resolutionPreferences = ['highest', 'installed'] as const;
export type ResolutionPreference = (typeof resolutionPreferences)[number];

export const resolveRequestSchema = z.strictObject({
  engine: engineProfileSchema,
  wants: z.array(wantSchema).min(1).max(200),
  prefer: z.enum(resolutionPreferences).optional(),
});
export type ResolveRequest = z.output<typeof resolveRequestSchema>;

/** What stands in the way of a resolution, once for each name: `obstacles` of the problem `unresolvable`. */
export const obstacleSchema = z.object({
  /** The proxylet that cannot be had as asked. */
  name: nameSchema,
  /** What is asked of it: a range or a channel. */
  range: z.string().optional(),
  channel: z.string().optional(),
  /** The chain of wants that asks, in words: `service demo/smart-grid 1.0.0 → demo/meters 1.2.0`. */
  by: z.string(),
  kind: z.enum(['missing-name', 'no-version', 'yanked', 'quarantined', 'runtime', 'capability', 'conflict']),
  /** The version that comes nearest. */
  nearest: z.string().optional(),
  /** Of a conflict: who asks for something else. */
  against: z
    .array(z.object({ range: z.string().optional(), channel: z.string().optional(), by: z.string() }))
    .optional(),
});
export type Obstacle = z.output<typeof obstacleSchema>;

export const permissionsSchema = z.object({
  capabilities: z.array(z.string()),
  fetch: z.array(z.string()),
  topics: z.object({ subscribe: z.array(z.string()), publish: z.array(z.string()) }),
  secrets: z.array(z.string()),
});

export const lockedProxyletSchema = z.object({
  name: nameSchema,
  version: versionSchema,
  digest: digestSchema,
  sizeBytes: z.int(),
  /** Exact version chosen for each dependency. */
  dependencies: z.record(z.string(), z.string()),
  permissions: permissionsSchema,
  /** Chains of wants that led here, in words. */
  because: z.array(z.string()),
  /** Set when the version is deprecated: the publisher's reason. */
  warning: z.string().optional(),
});
export type LockedProxylet = z.output<typeof lockedProxyletSchema>;

/** Dependencies come before those that need them. */
export const lockSchema = z.object({
  proxylets: z.array(lockedProxyletSchema),
  services: z.array(z.object({ name: nameSchema, version: versionSchema })),
});
export type Lock = z.output<typeof lockSchema>;

/** Public answer of `GET /.well-known/proxylet-engine`. */
export const engineDescriptionSchema = z.object({
  id: z.string(),
  version: z.string(),
  /** The `aud` an access token for this engine carries. */
  audience: z.string(),
  runtimes: z.array(runtimeSchema),
  capabilities: z.array(z.string()),
  limits: z.object({
    memoryMb: z.int(),
    cpuMs: z.int(),
    timeoutMs: z.int(),
    bodyBytes: z.int(),
  }),
  catalog: z.string(),
  issuers: z.array(z.string()),
});
export type EngineDescription = z.output<typeof engineDescriptionSchema>;

/** Consent of the user: `true` grants exactly what the resolved version asks, an object grants parts. */
export const consentSchema = z.union([
  z.boolean(),
  z.strictObject({
    capabilities: z.array(z.string()).optional(),
    fetch: z.array(z.string()).optional(),
    topics: z
      .strictObject({ subscribe: z.array(z.string()).optional(), publish: z.array(z.string()).optional() })
      .optional(),
    secrets: z.array(z.string()).optional(),
  }),
]);
export type Consent = z.output<typeof consentSchema>;

/** Page of a list: `nextCursor` is absent on the last one. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly nextCursor?: string | undefined;
}

/**
 * `yanked`: no longer chosen by a range, see `resolve`. `quarantined`: held by the platform; it is never chosen and its
 * bytes are given to nobody.
 */
export const versionStates = ['published', 'deprecated', 'yanked', 'quarantined'] as const;
export type VersionState = (typeof versionStates)[number];

/** How bad the reason of a state is. */
export const severities = ['info', 'broken', 'security', 'legal'] as const;
export type Severity = (typeof severities)[number];

/** Who may read a proxylet: every valid token; whoever is signed in at a configured issuer; members of the namespace. */
export const visibilities = ['public', 'internal', 'private'] as const;
export type Visibility = (typeof visibilities)[number];

/** States of an installation (DESIGN §7). */
export const installationStates = [
  'requested',
  'resolved',
  'fetching',
  'verified',
  'installed',
  'starting',
  'running',
  'idle',
  'draining',
  'stopped',
  'removed',
  'held',
  'failed',
  'broken',
  'blocked',
  'quarantined',
] as const;
export type InstallationState = (typeof installationStates)[number];
