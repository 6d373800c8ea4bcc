import { IdentityTokens } from '@proxylet/auth';
import { ExtraAccess } from '@proxylet/nest';
import type { CatalogConfig } from '../catalog.config.js';
import { POLICY_ISSUERS } from '../tokens.js';
import { ExchangeLimits } from '../tokens/exchange-limits.js';
import { ExchangeService } from '../tokens/exchange.service.js';
import { hostsOf, issuerFetch } from '../tokens/issuer-fetch.js';
import { TokenController } from '../tokens/token.controller.js';
import { TokenService } from '../tokens/token.service.js';
import { TokenStore } from '../tokens/token-store.js';
import { TrustPolicyController } from '../tokens/trust-policy.controller.js';
import { TrustPolicyService } from '../tokens/trust-policy.service.js';
import { StateController } from './state.controller.js';
import { StateService } from './state.service.js';

export const rightsControllers = [StateController, TokenController, TrustPolicyController];

export function rightsProviders(
  config: Pick<CatalogConfig, 'anonymousRead' | 'trustIssuers' | 'exchangesPerMinute'>,
) {
  return [
    StateService,
    TokenStore,
    TokenService,
    TrustPolicyService,
    ExchangeService,
    { provide: ExchangeLimits, useFactory: () => new ExchangeLimits(config.exchangesPerMinute) },
    {
      provide: IdentityTokens,
      useFactory: () =>
        new IdentityTokens({ fetch: issuerFetch({ allow: hostsOf(config.trustIssuers ?? []) }) }),
    },
    { provide: POLICY_ISSUERS, useValue: config.trustIssuers ?? null },
    {
      provide: ExtraAccess,
      useFactory: (ownTokens: TokenStore): ExtraAccess => ({
        ownTokens,
        admitsAnonymous: config.anonymousRead,
      }),
      inject: [TokenStore],
    },
  ];
}
