import { z } from 'zod';
import { presetFaults, withPreset } from './issuer-preset.js';
import { type AsymmetricAlgorithm, profileInput } from './issuer-settings.js';

/** One identity manager whose tokens are accepted; the settings of `PROXYLET_AUTH_ISSUERS`. */
export const issuerProfileSchema = profileInput
  .superRefine((profile, context) => {
    for (const { path, message } of presetFaults(profile)) {
      context.addIssue({ code: 'custom', path: [...path], message });
    }
    if (new Set((profile.algs ?? []).map(familyOf)).size > 1) {
      const message = 'must be of one family: RS and PS, or ES';
      context.addIssue({ code: 'custom', path: ['algs'], message });
    }
  })
  .transform(withPreset);
export type IssuerProfile = z.output<typeof issuerProfileSchema>;

/** The whole list: at least one issuer, none twice, and at most one whose tokens do not say where they come from. */
export const issuerListSchema = z
  .array(issuerProfileSchema)
  .min(1, 'must name at least one issuer')
  .max(20)
  .refine(
    (profiles) => new Set(profiles.map(({ issuer }) => issuer)).size === profiles.length,
    'must not name an issuer twice',
  )
  .refine(
    (profiles) => profiles.filter(takesOpaque).length <= 1,
    'must name at most one issuer of opaque tokens: nothing in such a token says whose it is, and it must not be shown to another one',
  );

/** Whether the issuer is asked about tokens that are no JWT. */
export function takesOpaque({
  preset,
  introspection: asked,
}: Pick<IssuerProfile, 'preset' | 'introspection'>) {
  return preset === 'keyrock-opaque' || asked !== undefined;
}

/** Whether the issuer publishes keys that its tokens are checked with. */
export function hasKeys({ preset }: Pick<IssuerProfile, 'preset'>): boolean {
  return preset !== 'keyrock-opaque' && preset !== 'keyrock-jwt';
}

function familyOf(alg: AsymmetricAlgorithm): 'rsa' | 'ec' {
  return alg.startsWith('ES') ? 'ec' : 'rsa';
}
