import { Controller, Inject } from '@nestjs/common';
import type { Principal } from '@proxylet/auth';
import { Body, CurrentPrincipal, Endpoint, Params } from '@proxylet/nest';
import { z } from 'zod';
import { namespaceOf, namespaceParams } from '../http/params.js';
import { QuotaService, type QuotaView } from './quota.service.js';

const count = z.int().min(0).max(Number.MAX_SAFE_INTEGER);
const smallCount = z.int().min(0).max(2_147_483_647);
const quotaSchema = z.object({
  bytes: count,
  proxylets: count,
  versions: count,
  publishesPerHour: count,
  uploads: count,
});
const quotaViewSchema = z.object({ limit: quotaSchema, used: quotaSchema });
const quotaBody = z.strictObject({
  bytes: count.nullish(),
  proxylets: smallCount.nullish(),
  versions: smallCount.nullish(),
  publishesPerHour: smallCount.nullish(),
  uploads: smallCount.nullish(),
});

@Controller('v1/namespaces')
export class QuotaController {
  constructor(@Inject(QuotaService) private readonly quotas: QuotaService) {}

  @Endpoint('GET :ns/quota', {
    summary: 'What a namespace may have, and what it has',
    tag: 'namespaces',
    params: namespaceParams,
    response: quotaViewSchema,
    errors: ['invalid-name', 'not-found', 'forbidden'],
    scopes: { anyOf: ['catalog:publish', 'catalog:admin'] },
  })
  get(
    @Params() params: z.output<typeof namespaceParams>,
    @CurrentPrincipal() principal: Principal,
  ): Promise<QuotaView> {
    return this.quotas.get(namespaceOf(params), principal);
  }

  @Endpoint('PUT :ns/quota', {
    summary: 'Set the quota of a namespace',
    description: 'What is left out, or null, follows the settings of the catalog.',
    tag: 'namespaces',
    params: namespaceParams,
    body: quotaBody,
    response: quotaViewSchema,
    errors: ['invalid-name', 'not-found', 'forbidden'],
    scopes: ['catalog:admin'],
  })
  set(
    @Params() params: z.output<typeof namespaceParams>,
    @Body() wish: z.output<typeof quotaBody>,
    @CurrentPrincipal() principal: Principal,
  ): Promise<QuotaView> {
    return this.quotas.set(namespaceOf(params), wish, principal);
  }
}
