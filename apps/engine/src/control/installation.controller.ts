import { Controller, Headers, Res } from '@nestjs/common';
import type { Principal } from '@proxylet/auth';
import type { Page } from '@proxylet/contract';
import { Body, CurrentPrincipal, Endpoint, pageSchema, Params, Query } from '@proxylet/nest';
import type { FastifyReply } from 'fastify';
import { InstallationService } from './installation.service.js';
import { ProgressAnswers } from './progress-answers.js';
import {
  type InstallationView,
  type InstallBody,
  installationSchema,
  installBody,
  type ListQuery,
  listQuery,
  type NameParams,
  nameParams,
} from './schemas.js';

const readScopes = { anyOf: ['engine:install', 'engine:invoke', 'engine:manage', 'engine:admin'] } as const;
const installScopes = { anyOf: ['engine:install', 'engine:admin'] } as const;

@Controller('v1/installations')
export class InstallationController {
  constructor(
    private readonly installations: InstallationService,
    private readonly answers: ProgressAnswers,
  ) {}

  @Endpoint('GET', {
    summary: 'Your installations, and the shared ones of this engine',
    query: listQuery,
    response: pageSchema(installationSchema),
    scopes: readScopes,
  })
  list(@Query() query: ListQuery, @CurrentPrincipal() principal: Principal): Page<InstallationView> {
    return this.installations.list(principal, query);
  }

  @Endpoint('GET :ns/:name', {
    summary: 'One installation',
    params: nameParams,
    response: installationSchema,
    errors: ['not-installed'],
    scopes: readScopes,
  })
  get(
    @Params() { ns, name }: NameParams,
    @CurrentPrincipal() principal: Principal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): InstallationView {
    const { view, etag } = this.installations.get(principal, `${ns}/${name}`);
    void reply.header('etag', etag);
    return view;
  }

  @Endpoint('PUT :ns/:name', {
    summary: 'Install or update a proxylet',
    description:
      'Resolves at the catalog, checks consent, downloads, verifies, starts beside what runs, then switches. With `Accept: text/event-stream` the answer is a stream of `progress` events that ends in `done` or `problem`.',
    params: nameParams,
    body: installBody,
    response: installationSchema,
    answers: { 201: 'Newly installed; 200 where it was installed before' },
    errors: [
      'consent-required',
      'unresolvable',
      'not-found',
      'limit-above-cap',
      'artifact-corrupt',
      'proxylet-invalid',
      'precondition-failed',
      'in-use',
      'installation-busy',
      'catalog-unavailable',
      'catalog-refused',
      'catalog-answer-invalid',
      'idm-unavailable',
      'storage-unavailable',
    ],
    scopes: installScopes,
  })
  async install(
    @Params() { ns, name }: NameParams,
    @Body() body: InstallBody,
    @Headers('if-match') ifMatch: string | undefined,
    @Headers('accept') accept: string | undefined,
    @CurrentPrincipal() principal: Principal,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await this.answers.send(reply, accept, async (onProgress) => {
      const done = await this.installations.install(principal, `${ns}/${name}`, body, ifMatch, onProgress);
      return { status: done.isNew ? 201 : 200, etag: done.etag, body: done.view };
    });
  }

  @Endpoint('DELETE :ns/:name', {
    summary: 'Remove an installation with its data and logs',
    params: nameParams,
    status: 204,
    errors: ['not-installed', 'in-use', 'precondition-failed'],
    scopes: installScopes,
  })
  remove(
    @Params() { ns, name }: NameParams,
    @Headers('if-match') ifMatch: string | undefined,
    @CurrentPrincipal() principal: Principal,
  ): Promise<void> {
    return this.installations.remove(principal, `${ns}/${name}`, ifMatch);
  }
}
