import { assertNamePart, assertVersion, formatName, isRange, Problem, quote } from '@proxylet/contract';
import { z } from 'zod';

export const namespaceParams = z.strictObject({ ns: z.string().meta({ example: 'demo' }) });
export const memberParams = namespaceParams.extend({
  principal: z.string().meta({
    description:
      '`user|<issuer>|<subject>`, `service|<issuer>|<client>`, `role:<issuer>|<name>` for all who have that role, or a subject alone for a user of your own issuer',
  }),
});
export const nameParams = namespaceParams.extend({ name: z.string().meta({ example: 'geo' }) });
export const versionParams = nameParams.extend({ v: z.string().meta({ example: '1.0.0' }) });
export const channelParams = nameParams.extend({ channel: z.string().meta({ example: 'next' }) });
export const digestParams = z.strictObject({
  digest: z.string().meta({ example: `sha256:${'0'.repeat(64)}` }),
});

/** @throws Problem `invalid-name` */
export function namespaceOf({ ns }: z.output<typeof namespaceParams>): string {
  assertNamePart(ns, 'namespace');
  return ns;
}

/** `namespace/name`. @throws Problem `invalid-name` */
export function nameOf(params: z.output<typeof nameParams>): string {
  assertNamePart(params.name, 'name');
  return formatName({ namespace: namespaceOf(params), name: params.name });
}

/** @throws Problem `invalid-version` */
export function versionOf({ v }: { readonly v: string }): string {
  assertVersion(v);
  return v;
}

/** @throws Problem `invalid-name`: a channel must not look like a range, nor be `latest`, which is computed */
export function channelOf({ channel }: z.output<typeof channelParams>): string {
  assertNamePart(channel, 'channel');
  if (channel === 'latest' || isRange(channel)) {
    throw new Problem('invalid-name', `A channel cannot be called ${quote(channel)}.`);
  }
  return channel;
}
