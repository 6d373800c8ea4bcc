import { z } from 'zod';
import { keyIdSchema, publicKeySchema } from './keys.js';

/** Longest document of each kind that is read at all, bytes: who sends more is not listened to. */
export const documentMaxBytes = {
  root: 512 * 1024,
  timestamp: 16 * 1024,
  snapshot: 4 * 1024 * 1024,
  targets: 16 * 1024 * 1024,
} as const;
export type DocumentKind = keyof typeof documentMaxBytes;

const version = z.int().min(1);
const common = {
  spec_version: z.string().regex(/^1\.\d+(?:\.\d+)?$/),
  version,
  expires: z.iso.datetime(),
};
const hashes = z.object({ sha256: z.string().regex(/^[0-9a-f]{64}$/) });
/** What one document says of another one. */
const metaSchema = z.object({ version, length: z.int().min(1).optional(), hashes: hashes.optional() });
export type Meta = z.output<typeof metaSchema>;

/** Who signs a kind of document, and how many of them must. */
const roleSchema = z
  .object({ keyids: z.array(keyIdSchema).min(1).max(32), threshold: z.int().min(1) })
  .refine(
    ({ keyids, threshold }) => threshold <= new Set(keyids).size,
    'must not ask for more keys than there are',
  );
export type Role = z.output<typeof roleSchema>;
const keys = z.record(keyIdSchema, publicKeySchema);
export type Keys = z.output<typeof keys>;

/** Segments between slashes; `*` stands for one whole segment. */
const pathPattern = z.string().regex(/^(?:\*|[a-z0-9.@+-]+)(?:\/(?:\*|[a-z0-9.@+-]+)){0,7}$/i);
const delegationsSchema = z.object({
  keys,
  roles: z
    .array(
      z.object({
        name: z.string().regex(/^ns-[a-z0-9-]{1,64}$/),
        keyids: z.array(keyIdSchema).min(1).max(32),
        threshold: z.int().min(1),
        terminating: z.literal(true),
        paths: z.array(pathPattern).min(1).max(10),
      }),
    )
    .max(100_000),
});

const targetSchema = z.object({
  length: z.int().min(0),
  hashes,
  custom: z.record(z.string(), z.unknown()).optional(),
});
/** A file that the signer vouches for: its length, its hash, and what else is to be known of it. */
export type Target = z.output<typeof targetSchema>;

/** Signed parts of the four kinds of documents of TUF 1.0; further members are signed too and not looked at. */
export const signedSchemas = {
  root: z.object({
    _type: z.literal('root'),
    ...common,
    consistent_snapshot: z.literal(true),
    keys,
    roles: z.object({ root: roleSchema, timestamp: roleSchema, snapshot: roleSchema, targets: roleSchema }),
  }),
  timestamp: z.object({
    _type: z.literal('timestamp'),
    ...common,
    meta: z.strictObject({ 'snapshot.json': metaSchema }),
  }),
  snapshot: z.object({ _type: z.literal('snapshot'), ...common, meta: z.record(z.string(), metaSchema) }),
  targets: z.object({
    _type: z.literal('targets'),
    ...common,
    targets: z.record(z.string(), targetSchema),
    delegations: delegationsSchema.optional(),
  }),
} as const;

export type Root = z.output<(typeof signedSchemas)['root']>;
export type Timestamp = z.output<(typeof signedSchemas)['timestamp']>;
export type Snapshot = z.output<(typeof signedSchemas)['snapshot']>;
export type Targets = z.output<(typeof signedSchemas)['targets']>;
export interface SignedParts {
  readonly root: Root;
  readonly timestamp: Timestamp;
  readonly snapshot: Snapshot;
  readonly targets: Targets;
}

export const documentSchema = z.object({
  signed: z.looseObject({ _type: z.string() }),
  signatures: z.array(z.object({ keyid: keyIdSchema, sig: z.string().regex(/^[0-9a-f]{128}$/) })).max(64),
});
