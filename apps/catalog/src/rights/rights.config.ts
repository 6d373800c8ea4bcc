import { isSecureUrl } from '@proxylet/auth';
import { setting, value } from '@proxylet/nest';
import { z } from 'zod';

export const rightsSettings = {
  anonymousRead: setting({
    env: 'PROXYLET_CATALOG_ANONYMOUS_READ',
    type: value.flag(),
    default: 'false',
    description: 'Whether public proxylets and services can be read without a token.',
  }),
  trustIssuers: setting({
    env: 'PROXYLET_CATALOG_TRUST_ISSUERS',
    type: value.json(z.array(z.string().refine(isSecureUrl, 'must be an https address')).min(1).max(100)),
    optional: true,
    defaultText: 'any https issuer on the public internet',
    description:
      'Issuers that trust policies may name, as a JSON list. The catalog fetches the keys of issuers that policies name, from hosts that are not on the public internet only where this list names them.',
  }),
  exchangesPerMinute: setting({
    env: 'PROXYLET_CATALOG_EXCHANGES_PER_MINUTE',
    type: value.int({ min: 1, max: 1_000_000 }),
    default: '120',
    description:
      'Exchanges of identity tokens a minute that are taken from one address (IPv6: one /64), and as many that succeed for one issuer in one namespace. Behind a proxy that is not trusted all callers have its address.',
  }),
};
