import { createHash } from 'node:crypto';
import { canonicalJson, type Json } from './canonical-json.js';

/** What the hash of an audit row covers: all of the row but the two hashes. */
export interface AuditFacts {
  readonly seq: number;
  readonly at: string;
  readonly actor: string;
  readonly action: string;
  readonly target: string;
  readonly namespace: string;
  readonly detail: Json;
  /** How the request came; absent in rows of the catalog's own work and of older catalogs. */
  readonly via?: Json | undefined;
}

/** Before the first row. */
export const genesisHash = '0'.repeat(64);

/** Hex of SHA-256 over the hash of the row before and the canonical JSON of this one. */
export function auditHash(prevHash: string, facts: AuditFacts): string {
  const { seq, at, actor, action, target, namespace, detail, via } = facts;
  const row = canonicalJson({ seq, at, actor, action, target, namespace, detail, via });
  return createHash('sha256').update(prevHash).update(row).digest('hex');
}

/** The namespace something is in, by how it is called: `acme`, `acme/thumb@1.0.0`, `acme/thumb#next`. */
export function namespaceOfTarget(target: string): string {
  return /^[^/@#]*/.exec(target)?.[0] ?? '';
}
