import { Controller, Headers, Res } from '@nestjs/common';
import type { Principal } from '@proxylet/auth';
import { Body, CurrentPrincipal, Endpoint, Params } from '@proxylet/nest';
import type { FastifyReply } from 'fastify';
import { InstallationService } from './installation.service.js';
import { ProgressAnswers } from './progress-answers.js';
import {
  type InitializeBody,
  initializeBody,
  initializedSchema,
  type NameParams,
  nameParams,
} from './schemas.js';

@Controller('v1/services')
export class EngineServiceController {
  constructor(
    private readonly installations: InstallationService,
    private readonly answers: ProgressAnswers,
  ) {}

  @Endpoint('POST :ns/:name/initialize', {
    summary: 'Bring a whole service here',
    description:
      'Installs or updates every proxylet of the service for the caller, all of them or none. With `Accept: text/event-stream` the answer is a stream of `progress` events that ends in `done` or `problem`.',
    params: nameParams,
    body: initializeBody,
    response: initializedSchema,
    errors: [
      'consent-required',
      'unresolvable',
      'not-found',
      'limit-above-cap',
      'artifact-corrupt',
      'proxylet-invalid',
      'in-use',
      'installation-busy',
      'catalog-unavailable',
      'catalog-refused',
      'catalog-answer-invalid',
      'idm-unavailable',
      'storage-unavailable',
    ],
    scopes: { anyOf: ['engine:install', 'engine:admin'] },
  })
  async initialize(
    @Params() { ns, name }: NameParams,
    @Body() body: InitializeBody,
    @Headers('accept') accept: string | undefined,
    @CurrentPrincipal() principal: Principal,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await this.answers.send(reply, accept, async (onProgress) => ({
      status: 200,
      body: await this.installations.initialize(principal, `${ns}/${name}`, body, onProgress),
    }));
  }
}
