import { Controller, Headers, Inject, Res } from '@nestjs/common';
import type { Principal } from '@proxylet/auth';
import { type Page, type ServiceDefinition, serviceDefinitionSchema } from '@proxylet/contract';
import { Body, CurrentPrincipal, Endpoint, pageQuery, pageSchema, Params, Query } from '@proxylet/nest';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { nameOf, nameParams, versionOf, versionParams } from '../http/params.js';
import { answer } from '../http/tagged.js';
import { Reader } from '../rights/reader.js';
import { ReadRights } from '../rights/read-rights.js';
import { type ServiceItem, serviceItemSchema, serviceSchema, type ServiceView } from './service.schemas.js';
import { ServiceService } from './service.service.js';

const pageOnly = z.strictObject(pageQuery);
type NameParams = z.output<typeof nameParams>;

@Controller('v1/services')
export class ServiceController {
  constructor(@Inject(ServiceService) private readonly services: ServiceService) {}

  @Endpoint('PUT :ns/:name', {
    summary: 'Register a service: proxylets with ranges',
    description:
      'Deploys nothing. The same content again is 200; other content under the same version is refused.',
    tag: 'services',
    params: nameParams,
    body: serviceDefinitionSchema,
    response: serviceSchema,
    status: 201,
    answers: { 200: 'The same content was registered before' },
    errors: ['invalid-name', 'not-found', 'forbidden', 'service-invalid', 'version-exists'],
    scopes: { anyOf: ['catalog:publish', 'catalog:manage'] },
  })
  async register(
    @Params() params: NameParams,
    @Body() definition: ServiceDefinition,
    @CurrentPrincipal() principal: Principal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ServiceView> {
    const name = nameOf(params);
    const { view, etag, isNew } = await this.services.register(name, definition, principal);
    reply
      .status(isNew ? 201 : 200)
      .header('etag', etag)
      .header('location', `/v1/services/${name}/versions/${view.version}`);
    return view;
  }

  @Endpoint('GET :ns/:name', {
    summary: 'The newest version of a service, and what it resolves to now',
    tag: 'services',
    params: nameParams,
    response: serviceSchema,
    answers: { 304: 'Unchanged' },
    errors: ['invalid-name', 'not-found'],
    scopes: ['catalog:read'],
    anonymous: true,
  })
  async get(
    @Params() params: NameParams,
    @Headers('if-none-match') ifNoneMatch: string | undefined,
    @Reader() reader: ReadRights,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ServiceView | undefined> {
    return answer(await this.services.get(nameOf(params), reader), ifNoneMatch, reply);
  }

  @Endpoint('GET :ns/:name/versions', {
    summary: 'Versions of a service, highest first',
    tag: 'services',
    params: nameParams,
    query: pageOnly,
    response: pageSchema(serviceItemSchema),
    errors: ['invalid-name', 'not-found'],
    scopes: ['catalog:read'],
    anonymous: true,
  })
  versions(
    @Params() params: NameParams,
    @Query() { limit, cursor }: z.output<typeof pageOnly>,
    @Reader() reader: ReadRights,
  ): Promise<Page<ServiceItem>> {
    return this.services.versions(nameOf(params), limit, cursor, reader);
  }

  @Endpoint('GET :ns/:name/versions/:v', {
    summary: 'One version of a service, and what it resolves to now',
    tag: 'services',
    params: versionParams,
    response: serviceSchema,
    answers: { 304: 'Unchanged' },
    errors: ['invalid-name', 'invalid-version', 'not-found'],
    scopes: ['catalog:read'],
    anonymous: true,
  })
  async version(
    @Params() params: z.output<typeof versionParams>,
    @Headers('if-none-match') ifNoneMatch: string | undefined,
    @Reader() reader: ReadRights,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ServiceView | undefined> {
    return answer(await this.services.get(nameOf(params), reader, versionOf(params)), ifNoneMatch, reply);
  }
}
