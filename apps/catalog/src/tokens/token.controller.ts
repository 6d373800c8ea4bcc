import { Controller, Inject, Ip } from '@nestjs/common';
import type { Principal } from '@proxylet/auth';
import type { Page } from '@proxylet/contract';
import { Body, CurrentPrincipal, Endpoint, pageQuery, pageSchema, Params, Query } from '@proxylet/nest';
import { z } from 'zod';
import { ExchangeService } from './exchange.service.js';
import {
  exchangeBody,
  type ExchangeWish,
  newTokenSchema,
  type NewTokenView,
  tokenBody,
  tokenSchema,
  type TokenView,
  type TokenWish,
} from './token.schemas.js';
import { TokenService } from './token.service.js';

const tokenParams = z.strictObject({ id: z.string().max(64) });
const pageOnly = z.strictObject(pageQuery);
const anybody = { anyOf: ['catalog:read', 'catalog:publish', 'catalog:manage', 'catalog:admin'] } as const;

@Controller('v1/tokens')
export class TokenController {
  constructor(
    @Inject(TokenService) private readonly tokens: TokenService,
    @Inject(ExchangeService) private readonly exchanger: ExchangeService,
  ) {}

  @Endpoint('POST', {
    summary: 'Make a publish token',
    description:
      'For scripts and CI without an identity of their own. It is for no more than its owner may do when it is used. The secret is in this answer and nowhere else.',
    tag: 'tokens',
    body: tokenBody,
    response: newTokenSchema,
    status: 201,
    errors: ['forbidden', 'quota-exceeded'],
    scopes: anybody,
  })
  create(@Body() wish: TokenWish, @CurrentPrincipal() principal: Principal): Promise<NewTokenView> {
    return this.tokens.create(wish, principal);
  }

  @Endpoint('GET', {
    summary: 'Your publish tokens, without their secrets',
    tag: 'tokens',
    query: pageOnly,
    response: pageSchema(tokenSchema),
    errors: ['forbidden'],
    scopes: anybody,
  })
  list(
    @Query() { limit, cursor }: z.output<typeof pageOnly>,
    @CurrentPrincipal() principal: Principal,
  ): Promise<Page<TokenView>> {
    return this.tokens.list(limit, cursor, principal);
  }

  @Endpoint('DELETE :id', {
    summary: 'Revoke a publish token, at once',
    tag: 'tokens',
    params: tokenParams,
    status: 204,
    errors: ['not-found', 'forbidden'],
    scopes: anybody,
  })
  revoke(
    @Params() { id }: z.output<typeof tokenParams>,
    @CurrentPrincipal() principal: Principal,
  ): Promise<void> {
    return this.tokens.revoke(id, principal);
  }

  @Endpoint('POST exchange', {
    summary: 'Exchange the identity token of a CI job for a publish token',
    description:
      'Takes a token of an issuer that a trust policy names, once, within 10 minutes of its issue. The publish token lives 15 minutes and is for what the policy says.',
    tag: 'tokens',
    body: exchangeBody,
    response: newTokenSchema,
    status: 201,
    errors: [
      'invalid-token',
      'token-reused',
      'trust-policy-mismatch',
      'too-many-requests',
      'idm-unavailable',
    ],
    public: true,
  })
  exchange(@Body() wish: ExchangeWish, @Ip() address: string): Promise<NewTokenView> {
    return this.exchanger.exchange(wish, address);
  }
}
