import { Controller, Inject, Res } from '@nestjs/common';
import type { Principal } from '@proxylet/auth';
import { Body, CurrentPrincipal, Endpoint, Params, Query, queryFlag } from '@proxylet/nest';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { visibilities } from '@proxylet/contract';
import { memberRoles } from '../database/namespace.entity.js';
import { memberParams, namespaceOf, namespaceParams } from '../http/params.js';
import { reasonSchema } from '../rights/state.schemas.js';
import { NamespaceService, type NamespaceView } from './namespace.service.js';

const roleSchema = z.enum(memberRoles);
const namespaceSchema = z.object({
  name: z.string(),
  createdAt: z.iso.datetime(),
  role: roleSchema.optional(),
  defaultVisibility: z.enum(visibilities).optional(),
  members: z.array(z.object({ principal: z.string(), role: roleSchema })).optional(),
});
const memberBody = z.strictObject({ role: roleSchema });
const settingsBody = z.strictObject({ defaultVisibility: z.enum(visibilities), reason: reasonSchema });
const transferBody = z.strictObject({
  to: z.string().max(600).meta({ description: 'Who owns it from now on; as in the address of a member' }),
  keep: roleSchema.optional().meta({ description: 'Role the caller keeps; without it none' }),
  reason: reasonSchema,
});
const createQuery = z.strictObject({
  'allow-confusable': queryFlag.meta({
    description: 'A platform admin lets a name pass that could be taken for another; it is audited',
  }),
});
const manage = { anyOf: ['catalog:manage', 'catalog:admin'] } as const;
type NamespaceParams = z.output<typeof namespaceParams>;
type MemberParams = z.output<typeof memberParams>;

@Controller('v1/namespaces')
export class NamespaceController {
  constructor(@Inject(NamespaceService) private readonly namespaces: NamespaceService) {}

  @Endpoint('PUT :ns', {
    summary: 'Create a namespace',
    description:
      'The caller becomes its owner. Refused when it is taken, reserved, or could be taken for another: by hyphens, characters that look alike, or one typo where the other is popular.',
    tag: 'namespaces',
    params: namespaceParams,
    query: createQuery,
    response: namespaceSchema,
    status: 201,
    answers: { 200: 'The namespace is yours already' },
    errors: ['invalid-name', 'namespace-taken', 'namespace-reserved', 'name-confusable', 'forbidden'],
    scopes: { anyOf: ['catalog:publish', 'catalog:manage', 'catalog:admin'] },
  })
  async create(
    @Params() params: NamespaceParams,
    @Query() query: z.output<typeof createQuery>,
    @CurrentPrincipal() principal: Principal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<NamespaceView> {
    const allow = query['allow-confusable'];
    const { isNew, view } = await this.namespaces.create(namespaceOf(params), principal, allow);
    reply.status(isNew ? 201 : 200).header('location', `/v1/namespaces/${view.name}`);
    return view;
  }

  @Endpoint('GET :ns', {
    summary: 'A namespace, its members for those who belong to it',
    tag: 'namespaces',
    params: namespaceParams,
    response: namespaceSchema,
    errors: ['invalid-name', 'not-found'],
    scopes: ['catalog:read'],
  })
  get(@Params() params: NamespaceParams, @CurrentPrincipal() principal: Principal): Promise<NamespaceView> {
    return this.namespaces.get(namespaceOf(params), principal);
  }

  @Endpoint('PATCH :ns', {
    summary: 'Change how visible proxylets are that are first published from now on',
    tag: 'namespaces',
    params: namespaceParams,
    body: settingsBody,
    response: namespaceSchema,
    errors: ['invalid-name', 'not-found', 'forbidden'],
    scopes: manage,
  })
  change(
    @Params() params: NamespaceParams,
    @Body() { defaultVisibility, reason }: z.output<typeof settingsBody>,
    @CurrentPrincipal() principal: Principal,
  ): Promise<NamespaceView> {
    return this.namespaces.setDefaultVisibility(namespaceOf(params), defaultVisibility, reason, principal);
  }

  @Endpoint('POST :ns/transfer', {
    summary: 'Hand the namespace to another owner',
    description: 'In one step the other becomes owner and the caller keeps the role named, or none.',
    tag: 'namespaces',
    params: namespaceParams,
    body: transferBody,
    response: namespaceSchema,
    errors: ['invalid-name', 'not-found', 'forbidden', 'in-use'],
    scopes: manage,
  })
  transfer(
    @Params() params: NamespaceParams,
    @Body() wish: z.output<typeof transferBody>,
    @CurrentPrincipal() principal: Principal,
  ): Promise<NamespaceView> {
    return this.namespaces.transfer(namespaceOf(params), wish, principal);
  }

  @Endpoint('PUT :ns/members/:principal', {
    summary: 'Give a user, a service or a role of the IdM a role in the namespace',
    tag: 'namespaces',
    params: memberParams,
    body: memberBody,
    response: namespaceSchema,
    errors: ['invalid-name', 'not-found', 'forbidden', 'in-use'],
    scopes: manage,
  })
  setMember(
    @Params() params: MemberParams,
    @Body() { role }: z.output<typeof memberBody>,
    @CurrentPrincipal() principal: Principal,
  ): Promise<NamespaceView> {
    return this.namespaces.setMember(namespaceOf(params), params.principal, role, principal);
  }

  @Endpoint('DELETE :ns/members/:principal', {
    summary: 'Take a principal out of the namespace',
    tag: 'namespaces',
    params: memberParams,
    status: 204,
    errors: ['invalid-name', 'not-found', 'forbidden', 'in-use'],
    scopes: manage,
  })
  removeMember(@Params() params: MemberParams, @CurrentPrincipal() principal: Principal): Promise<void> {
    return this.namespaces.removeMember(namespaceOf(params), params.principal, principal);
  }
}
