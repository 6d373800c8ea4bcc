import { Controller, Headers, Inject, Res } from '@nestjs/common';
import type { Principal } from '@proxylet/auth';
import { assertNamePart } from '@proxylet/contract';
import { Body, CurrentPrincipal, Endpoint, Params } from '@proxylet/nest';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { namespaceOf, namespaceParams } from '../http/params.js';
import { answer } from '../http/tagged.js';
import {
  trustPolicyBody,
  trustPolicySchema,
  type TrustPolicyView,
  type TrustPolicyWish,
} from './trust-policy.js';
import { TrustPolicyService } from './trust-policy.service.js';

const policyParams = namespaceParams.extend({ id: z.string().meta({ example: 'github-main' }) });
type PolicyParams = z.output<typeof policyParams>;
const owner = { anyOf: ['catalog:manage', 'catalog:admin'] } as const;
const listSchema = z.object({ items: z.array(trustPolicySchema) });

@Controller('v1/namespaces/:ns/trust-policies')
export class TrustPolicyController {
  constructor(@Inject(TrustPolicyService) private readonly policies: TrustPolicyService) {}

  @Endpoint('GET', {
    summary: 'Trust policies of a namespace, at most 50',
    tag: 'tokens',
    params: namespaceParams,
    response: listSchema,
    errors: ['invalid-name', 'not-found', 'forbidden'],
    scopes: owner,
  })
  list(
    @Params() params: z.output<typeof namespaceParams>,
    @CurrentPrincipal() principal: Principal,
  ): Promise<{ readonly items: readonly TrustPolicyView[] }> {
    return this.policies.list(namespaceOf(params), principal);
  }

  @Endpoint('GET :id', {
    summary: 'A trust policy',
    tag: 'tokens',
    params: policyParams,
    response: trustPolicySchema,
    answers: { 304: 'Unchanged' },
    errors: ['invalid-name', 'not-found', 'forbidden'],
    scopes: owner,
  })
  async get(
    @Params() params: PolicyParams,
    @Headers('if-none-match') ifNoneMatch: string | undefined,
    @CurrentPrincipal() principal: Principal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<TrustPolicyView | undefined> {
    return answer(await this.policies.get(namespaceOf(params), idOf(params), principal), ifNoneMatch, reply);
  }

  @Endpoint('PUT :id', {
    summary: 'Let jobs of a CI publish into the namespace',
    description:
      'Whoever shows an identity token of the issuer, for the audience, whose claims meet every rule, gets a publish token for these actions on these proxylets. Replacing a policy revokes what was given under it.',
    tag: 'tokens',
    params: policyParams,
    body: trustPolicyBody,
    response: trustPolicySchema,
    answers: { 201: 'The policy is new' },
    errors: ['invalid-name', 'not-found', 'forbidden', 'precondition-failed', 'quota-exceeded'],
    scopes: owner,
  })
  async put(
    @Params() params: PolicyParams,
    @Body() wish: TrustPolicyWish,
    @Headers('if-match') ifMatch: string | undefined,
    @CurrentPrincipal() principal: Principal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<TrustPolicyView | undefined> {
    const tagged = await this.policies.put(namespaceOf(params), idOf(params), wish, ifMatch, principal);
    if (tagged.isNew) reply.status(201);
    return answer(tagged, undefined, reply);
  }

  @Endpoint('DELETE :id', {
    summary: 'Remove a trust policy; what was given under it is revoked',
    tag: 'tokens',
    params: policyParams,
    status: 204,
    errors: ['invalid-name', 'not-found', 'forbidden'],
    scopes: owner,
  })
  remove(@Params() params: PolicyParams, @CurrentPrincipal() principal: Principal): Promise<void> {
    return this.policies.remove(namespaceOf(params), idOf(params), principal);
  }
}

function idOf({ id }: PolicyParams): string {
  assertNamePart(id, 'trust policy');
  return id;
}
