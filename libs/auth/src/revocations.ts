import { type KeyObject, verify } from 'node:crypto';
import { z } from 'zod';
import type { Principal } from './principal.js';

/** What was revoked, as of one moment. */
export interface Revocations {
  /** Counts up; a document of a lower number is an older one. */
  readonly version: number;
  readonly issuedAtMs: number;
  readonly tokens: ReadonlySet<string>;
  /** By `issuer|subject`: tokens issued before this moment, s since the epoch. */
  readonly subjects: ReadonlyMap<string, number>;
  readonly clients: ReadonlySet<string>;
  readonly keys: ReadonlySet<string>;
}

const name = z.string().min(1).max(512);
const many = 100_000;
const headerSchema = z.strictObject({ alg: z.literal('EdDSA'), typ: z.literal('proxylet-revocations+jwt') });
const bodySchema = z.strictObject({
  version: z.int().min(1),
  iat: z.int().min(0),
  tokens: z.array(name).max(many).default([]),
  subjects: z
    .array(z.strictObject({ issuer: name, subject: name, before: z.int().min(0) }))
    .max(many)
    .default([]),
  clients: z
    .array(z.strictObject({ issuer: name, client: name }))
    .max(many)
    .default([]),
  keys: z
    .array(z.strictObject({ issuer: name, kid: name }))
    .max(many)
    .default([]),
});

const form = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;
const skewMs = 300_000;

/**
 * The document in a JWS of compact form, signed with Ed25519 (RFC 8037) by exactly this key. Nothing of it is looked
 * at before its signature holds, and the header is no choice: there is one algorithm.
 *
 * @returns what is wrong with it, in place of the document
 */
export function readRevocations(text: string, key: KeyObject, nowMs: number): Revocations | string {
  const compact = text.trim();
  if (!form.test(compact)) return 'it is no JWS in compact form';
  const [header = '', payload = '', signature = ''] = compact.split('.');
  const signed = Buffer.from(`${header}.${payload}`);
  if (!verify(null, signed, key, Buffer.from(signature, 'base64url'))) return 'its signature does not hold';
  const head = headerSchema.safeParse(jsonOf(header));
  const body = bodySchema.safeParse(jsonOf(payload));
  if (!head.success || !body.success) return 'it is not of the form expected';
  const { version, iat, tokens, subjects, clients, keys } = body.data;
  if (iat * 1000 > nowMs + skewMs) return 'it is of the future';
  return {
    version,
    issuedAtMs: iat * 1000,
    tokens: new Set(tokens),
    subjects: new Map(subjects.map(({ issuer, subject, before }) => [`${issuer}|${subject}`, before])),
    clients: new Set(clients.map(({ issuer, client }) => `${issuer}|${client}`)),
    keys: new Set(keys.map(({ issuer, kid }) => `${issuer}|${kid}`)),
  };
}

/** Whether what a verified token stands for was revoked. */
export function revokes(list: Revocations, principal: Principal, kid: string | undefined): boolean {
  const { issuer, subject, clientId, tokenId, issuedAtMs } = principal;
  const before = list.subjects.get(`${issuer}|${subject}`);
  return (
    (tokenId !== undefined && list.tokens.has(tokenId)) ||
    (before !== undefined && issuedAtMs < before * 1000) ||
    (clientId !== undefined && list.clients.has(`${issuer}|${clientId}`)) ||
    (kid !== undefined && list.keys.has(`${issuer}|${kid}`))
  );
}

function jsonOf(part: string): unknown {
  try {
    return JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
  } catch {
    return undefined;
  }
}
