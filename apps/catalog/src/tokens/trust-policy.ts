import { isSecureUrl, type TokenAction } from '@proxylet/auth';
import { isNamePart } from '@proxylet/contract';
import { z } from 'zod';
import type { TrustPolicyRow } from '../database/rights.entity.js';
import { actionsSchema } from './token.schemas.js';

const scalar = z.union([z.string().max(1000), z.number(), z.boolean()]);
/** Checked by themselves, so that a rule on them could only mislead. */
const reservedClaims = new Set(['iss', 'aud', 'exp', 'iat', 'nbf', 'jti']);

const claimRules = z
  .record(z.string().min(1).max(200), z.union([scalar, z.array(scalar).min(1).max(50)]))
  .refine(
    (rules) => Object.keys(rules).length > 0,
    'must have a rule: every user of the issuer could publish else',
  )
  .refine((rules) => Object.keys(rules).length <= 20, 'must have at most 20 rules')
  .refine(
    (rules) => Object.keys(rules).every((claim) => !reservedClaims.has(claim)),
    `must not name ${[...reservedClaims].join(', ')}`,
  )
  .meta({
    description: 'Claim → value, or list of which one must be it. Exactly, no patterns.',
    example: { repository: 'acme/proxylets', ref: 'refs/heads/main' },
  });
export type ClaimRules = z.output<typeof claimRules>;

export const trustPolicyBody = z.strictObject({
  issuer: z
    .string()
    .max(512)
    .refine(isSecureUrl, 'must be an https address without query (http only on a loopback address)')
    .meta({ example: 'https://token.actions.githubusercontent.com' }),
  audience: z.string().min(1).max(512).meta({ example: 'https://catalog.example.com' }),
  claims: claimRules,
  actions: actionsSchema,
  proxylets: z
    .array(
      z.string().refine((name) => name === '*' || isNamePart(name), 'must be a name without namespace, or *'),
    )
    .min(1, 'must name at least one proxylet, or *')
    .max(50),
});
export type TrustPolicyWish = z.output<typeof trustPolicyBody>;

export const trustPolicySchema = trustPolicyBody.extend({
  id: z.string(),
  createdBy: z.string(),
  createdAt: z.iso.datetime(),
});
export type TrustPolicyView = z.output<typeof trustPolicySchema>;

export function policyViewOf(row: TrustPolicyRow): TrustPolicyView {
  const { id, issuer, audience, createdBy, createdAt } = row;
  return {
    id,
    issuer,
    audience,
    claims: JSON.parse(row.claims) as ClaimRules,
    actions: JSON.parse(row.actions) as TokenAction[],
    proxylets: JSON.parse(row.proxylets) as string[],
    createdBy,
    createdAt,
  };
}

/** Whether every rule is met by a claim of just that type and value; claims that are lists or objects meet none. */
export function meetsRules(rules: ClaimRules, claims: Readonly<Record<string, unknown>>): boolean {
  return Object.entries(rules).every(([claim, rule]) => {
    if (!Object.hasOwn(claims, claim)) return false;
    const value = claims[claim];
    return (Array.isArray(rule) ? rule : [rule]).some((allowed) => allowed === value);
  });
}

/** What the policy's tokens may be used on. */
export function resourcesOf(namespace: string, { proxylets }: Pick<TrustPolicyView, 'proxylets'>): string[] {
  return proxylets.includes('*') ? [`${namespace}/*`] : proxylets.map((name) => `${namespace}/${name}`);
}
