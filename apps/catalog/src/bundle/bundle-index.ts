import {
  digestSchema,
  isNamePart,
  isRange,
  nameSchema,
  parseName,
  rangeSchema,
  severities,
  versionSchema,
  versionStates,
  visibilities,
} from '@proxylet/contract';
import { z } from 'zod';

/** First entry of a bundle: what is in it. */
export const indexPath = 'index.json';
/** Last entry: SHA-256 of every other one, in their order, as `sha256sum -c` takes it. */
export const sumsPath = 'SHA256SUMS';
export const indexMaxBytes = 4 * 1024 * 1024;
/** Versions of one bundle. */
export const maxVersions = 5000;

export function blobPath(digest: string): string {
  return `blobs/${digest.replace(':', '/')}`;
}

const text = (max: number) =>
  z
    .string()
    .max(max)
    .refine((value) => value.isWellFormed() && !value.includes('\0'), 'must be text');

/** `latest` is computed, and what looks like a range means one. */
const channelName = text(64).refine(
  (name) => isNamePart(name) && name !== 'latest' && !isRange(name),
  'must be the name of a channel',
);

const bundledVersion = z.strictObject({
  version: versionSchema,
  digest: digestSchema,
  sizeBytes: z.int().min(1),
  state: z.enum(versionStates),
  stateReason: text(1000).default(''),
  severity: z.enum(severities).optional(),
  stateAt: z.iso.datetime(),
});
export type BundledVersion = z.output<typeof bundledVersion>;

const bundledProxylet = z.strictObject({
  name: nameSchema,
  visibility: z.enum(visibilities),
  versions: z.array(bundledVersion).min(1).max(maxVersions),
  channels: z
    .array(z.strictObject({ name: channelName, version: versionSchema, at: z.iso.datetime() }))
    .max(1000),
});
export type BundledProxylet = z.output<typeof bundledProxylet>;

const bundledService = z.strictObject({
  name: nameSchema,
  version: versionSchema,
  description: text(1000).optional(),
  proxylets: z.record(nameSchema, rangeSchema),
});
export type BundledService = z.output<typeof bundledService>;

export const bundleIndex = z
  .strictObject({
    format: z.literal('proxylet-bundle'),
    formatVersion: z.literal(1),
    exportedAt: z.iso.datetime(),
    /** Address of the catalog it comes from. */
    source: text(2048),
    proxylets: z.array(bundledProxylet).max(maxVersions),
    services: z.array(bundledService).max(1000),
  })
  .refine(({ proxylets }) => areDistinct(proxylets.map(({ name }) => name)), 'must not name a proxylet twice')
  .refine(
    ({ services }) => areDistinct(services.map(({ name, version }) => `${name}@${version}`)),
    'must not name a service twice',
  )
  .refine(
    ({ proxylets }) => areDistinct(proxylets.flatMap(({ versions }) => versions.map(({ digest }) => digest))),
    'must not name an archive twice',
  )
  .refine(
    ({ proxylets }) => proxylets.reduce((sum, { versions }) => sum + versions.length, 0) <= maxVersions,
    `must not have more than ${maxVersions} versions`,
  );
export type BundleIndex = z.output<typeof bundleIndex>;

function areDistinct(values: readonly string[]): boolean {
  return new Set(values).size === values.length;
}

/** In order of name. */
export function namespacesOf({ proxylets, services }: BundleIndex): string[] {
  return [...new Set([...proxylets, ...services].map(({ name }) => parseName(name).namespace))].toSorted();
}
