import { z } from 'zod';
import { isCapabilityWant, parseCapability } from './capability.js';
import { isCronLine } from './cron.js';
import { isName } from './name.js';
import { Problem } from './problem.js';
import { isTopicFilter } from './topic.js';
import { isRange, isVersion } from './version.js';
import { faultsOf } from './zod-faults.js';

/** Name of the manifest inside an archive. In a source folder it is `proxylet.jsonc`. */
export const manifestFileName = 'proxylet.json';
export const manifestMaxBytes = 64 * 1024;

const nameText = z
  .string()
  .refine(isName, 'must be namespace/name in lower-case letters, digits and hyphens');
const rangeText = z.string().refine(isRange, 'must be a version range such as ^1.2');
const capabilityText = z
  .string()
  .refine(isCapabilityWant, 'must be a capability such as kv, device:camera or gpio@^2');
const cronText = z
  .string()
  .refine(isCronLine, 'must be five fields of a crontab, in UTC, such as */5 * * * *');
const topicPattern = z
  .string()
  .refine(isTopicFilter, 'must be a topic such as totals, or a filter such as meters.*.a or meters.>');
const relativePath = z
  .string()
  .min(1)
  .max(160)
  .regex(
    /^(?!\/)(?!.*(?:^|\/)\.{1,2}(?:\/|$))[A-Za-z0-9._/-]+$/,
    'must be a relative path inside the archive',
  );

/** `https://host`, `https://*.host`, with an optional port: no path, no user, no wildcard elsewhere. */
const originText = z
  .string()
  .max(300)
  .regex(
    /^https?:\/\/(?:\*\.)?[a-z0-9]+(?:[.-][a-z0-9]+)*(?::[0-9]{1,5})?$/,
    'must be an origin such as https://api.example.com or https://*.example.com, without a path',
  );

/** Members of `env` that are the engine's own. */
const reservedBindings = ['KV', 'TOPICS', 'CONFIG', 'SECRETS', 'CACHE', 'OUTBOX'];

/** Member of `env` for a dependency: `acme/exif-reader` → `EXIF_READER` (DESIGN §6). */
export function bindingOf(dependency: string): string {
  return dependency
    .slice(dependency.indexOf('/') + 1)
    .toUpperCase()
    .replaceAll('-', '_');
}

const dependenciesSchema = z.record(nameText, rangeText).superRefine((dependencies, context) => {
  const taken = new Map(reservedBindings.map((binding) => [binding, 'the engine']));
  for (const name of Object.keys(dependencies)) {
    const binding = bindingOf(name);
    const by = taken.get(binding);
    if (by === undefined) taken.set(binding, name);
    else context.addIssue({ code: 'custom', path: [name], message: `would be env.${binding}, as ${by} is` });
  }
});

const limitsSchema = z.strictObject({
  /** Heap of the isolate, MB. */
  memoryMb: z.int().min(8).max(4096).optional(),
  /** CPU time of one call, ms. */
  cpuMs: z.int().min(1).max(600_000).optional(),
  /** Wall time of one call, ms. */
  timeoutMs: z.int().min(1).max(3_600_000).optional(),
});

export const manifestSchema = z.strictObject({
  $schema: z.string().max(500).optional(),
  name: nameText,
  version: z.string().refine(isVersion, 'must be a version such as 1.4.0'),
  description: z.string().max(1000).optional(),
  keywords: z.array(z.string().min(1).max(50)).max(20).optional(),
  license: z.string().max(200).optional(),
  homepage: z
    .url({ protocol: /^https?$/ })
    .max(500)
    .optional(),
  repository: z
    .url({ protocol: /^https?$/ })
    .max(500)
    .optional(),
  runtime: z.strictObject({ type: z.enum(['isolate']), version: rangeText }),
  main: relativePath.default('dist/index.js'),
  dependencies: dependenciesSchema.optional(),
  capabilities: z.array(capabilityText).max(50).optional(),
  fetch: z.array(originText).max(50).optional(),
  scope: z.enum(['user', 'shared']).default('user'),
  limits: limitsSchema.optional(),
  schedule: z.array(cronText).max(20).optional(),
  topics: z
    .strictObject({
      subscribe: z.array(topicPattern).max(50).optional(),
      publish: z.array(topicPattern).max(50).optional(),
    })
    .optional(),
  /** A JSON Schema of the proxylet's settings; the engine checks `CONFIG` against it. */
  config: z.record(z.string(), z.unknown()).optional(),
  secrets: z
    .array(z.string().regex(/^[A-Z][A-Z0-9_]{0,63}$/, 'must be an upper-case name such as API_KEY'))
    .max(50)
    .optional(),
});

export type Manifest = z.output<typeof manifestSchema>;

/**
 * Reads a manifest from parsed JSON.
 *
 * @throws Problem `manifest-invalid`, with one fault per member; an unknown key names the nearest known one
 */
export function parseManifest(input: unknown): Manifest {
  const result = manifestSchema.safeParse(input);
  if (result.success) return result.data;
  const errors = faultsOf(result.error, Object.keys(manifestSchema.shape));
  const first = errors[0];
  throw new Problem(
    'manifest-invalid',
    first === undefined
      ? 'The manifest has faults.'
      : `The manifest has ${errors.length === 1 ? 'a fault' : `${errors.length} faults`}: ${first.pointer || '/'} ${first.detail}.`,
    { errors },
  );
}

/** What a version asks the user for, in the form that consent grants (DESIGN §7, fine print). */
export interface Permissions {
  readonly capabilities: readonly string[];
  readonly fetch: readonly string[];
  readonly topics: { readonly subscribe: readonly string[]; readonly publish: readonly string[] };
  readonly secrets: readonly string[];
}

export function permissionsOf(manifest: Manifest): Permissions {
  return {
    capabilities: capabilitiesOf(manifest),
    fetch: manifest.fetch ?? [],
    topics: { subscribe: manifest.topics?.subscribe ?? [], publish: manifest.topics?.publish ?? [] },
    secrets: manifest.secrets ?? [],
  };
}

/** Whoever has a schedule asks to run by itself, also where its `capabilities` do not say so. */
function capabilitiesOf({ capabilities = [], schedule = [] }: Manifest): string[] {
  const isNamed = capabilities.some((want) => parseCapability(want).name === 'schedule');
  return schedule.length === 0 || isNamed ? [...capabilities] : [...capabilities, 'schedule'];
}

export function asksForNothing(permissions: Permissions): boolean {
  const { capabilities, fetch, topics, secrets } = permissions;
  return (
    capabilities.length + fetch.length + topics.subscribe.length + topics.publish.length + secrets.length ===
    0
  );
}
