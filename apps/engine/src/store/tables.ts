import type { Digest } from '@proxylet/contract';
import { EntitySchema } from 'typeorm';
import type { Installation } from '../installations/installation.js';
import type { EgressRule } from '../egress/egress-rules.js';
import type { SealedSecret } from '../secrets/sealed-secret.js';

/** Row of `installations`: an `Installation` with its owner spread out. */
export interface InstallationRow extends Omit<Installation, 'owner' | 'previous' | 'config'> {
  readonly ownerKey: string;
  readonly ownerIssuer: string;
  readonly ownerSubject: string;
  readonly config: Installation['config'] | null;
  readonly previous: { readonly version: string; readonly digest: Digest } | null;
}

export const installationTable = new EntitySchema<InstallationRow>({
  name: 'Installation',
  tableName: 'installations',
  columns: {
    id: { type: 'text', primary: true },
    ownerKey: { type: 'text', name: 'owner_key' },
    ownerIssuer: { type: 'text', name: 'owner_issuer' },
    ownerSubject: { type: 'text', name: 'owner_subject' },
    name: { type: 'text' },
    version: { type: 'text' },
    digest: { type: 'text' },
    sizeBytes: { type: 'integer', name: 'size_bytes' },
    generation: { type: 'integer' },
    manifest: { type: 'simple-json' },
    granted: { type: 'simple-json' },
    config: { type: 'simple-json', nullable: true },
    consentedBy: { type: 'text', name: 'consented_by' },
    isDirect: { type: 'boolean', name: 'is_direct' },
    services: { type: 'simple-json' },
    state: { type: 'text' },
    reason: { type: 'text' },
    sinceMs: { type: 'integer', name: 'since_ms' },
    previous: { type: 'simple-json', nullable: true },
    createdAtMs: { type: 'integer', name: 'created_at_ms' },
    updatedAtMs: { type: 'integer', name: 'updated_at_ms' },
  },
});

export const egressTable = new EntitySchema<EgressRule>({
  name: 'EgressRule',
  tableName: 'egress_rules',
  columns: {
    origin: { type: 'text', primary: true },
    proxylets: { type: 'simple-json' },
    changedBy: { type: 'text', name: 'changed_by' },
    changedAtMs: { type: 'integer', name: 'changed_at_ms' },
  },
});

export const secretTable = new EntitySchema<SealedSecret>({
  name: 'Secret',
  tableName: 'secrets',
  columns: {
    installationId: { type: 'text', primary: true, name: 'installation_id' },
    name: { type: 'text', primary: true },
    keyId: { type: 'text', name: 'key_id' },
    sealed: { type: 'text' },
    createdAtMs: { type: 'integer', name: 'created_at_ms' },
    changedAtMs: { type: 'integer', name: 'changed_at_ms' },
    changedBy: { type: 'text', name: 'changed_by' },
  },
});

export function toRow({ owner, previous, config, ...rest }: Installation): InstallationRow {
  return {
    ...rest,
    ownerKey: owner.key,
    ownerIssuer: owner.issuer,
    ownerSubject: owner.subject,
    config: config ?? null,
    previous: previous ?? null,
  };
}

export function fromRow(row: InstallationRow): Installation {
  const { ownerKey, ownerIssuer, ownerSubject, previous, config, ...rest } = row;
  return {
    ...rest,
    owner: { key: ownerKey, issuer: ownerIssuer, subject: ownerSubject },
    config: config ?? undefined,
    previous: previous ?? undefined,
  };
}
