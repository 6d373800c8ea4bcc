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
    defaultText: 'any https issuer',
    description:
      'Issuers that trust policies may name, as a JSON list. The catalog fetches the keys of issuers that policies name.',
  }),
};
