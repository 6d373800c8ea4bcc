import { Controller, Headers, Inject, Res } from '@nestjs/common';
import type { Principal } from '@proxylet/auth';
import type { Page } from '@proxylet/contract';
import { Body, CurrentPrincipal, Endpoint, pageQuery, pageSchema, Params, Query } from '@proxylet/nest';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { nameOf, nameParams, versionOf, versionParams } from '../http/params.js';
import { answer } from '../http/tagged.js';
import {
  proxyletSchema,
  type ProxyletView,
  versionSchemaFull,
  type VersionView,
} from '../proxylet/proxylet.schemas.js';
import { ReadRights } from './read-rights.js';
import { Reader } from './reader.js';
import {
  type StateChange,
  type StateEntry,
  stateBody,
  stateEntrySchema,
  visibilityBody,
  type VisibilityChange,
} from './state.schemas.js';
import { StateService } from './state.service.js';

const pageOnly = z.strictObject(pageQuery);

@Controller('v1/proxylets')
export class StateController {
  constructor(@Inject(StateService) private readonly states: StateService) {}

  @Endpoint('PATCH :ns/:name', {
    summary: 'Change who may read a proxylet',
    description:
      'public: everybody with a token. internal: who is signed in at an issuer of this catalog. private: members of the namespace.',
    tag: 'proxylets',
    params: nameParams,
    body: visibilityBody,
    response: proxyletSchema,
    errors: ['invalid-name', 'not-found', 'forbidden', 'precondition-failed'],
    scopes: { anyOf: ['catalog:manage', 'catalog:admin'] },
  })
  async changeVisibility(
    @Params() params: z.output<typeof nameParams>,
    @Body() change: VisibilityChange,
    @Headers('if-match') ifMatch: string | undefined,
    @CurrentPrincipal() principal: Principal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ProxyletView | undefined> {
    const tagged = await this.states.changeVisibility(nameOf(params), change, ifMatch, principal);
    return answer(tagged, undefined, reply);
  }

  @Endpoint('PATCH :ns/:name/versions/:v', {
    summary: 'Deprecate, yank, hold or restore a version',
    description:
      'A yanked version is chosen no more; whoever has its digest can still download it. A quarantined one is held by the platform: its bytes are given to nobody until a platform admin releases it.',
    tag: 'proxylets',
    params: versionParams,
    body: stateBody,
    response: versionSchemaFull,
    errors: [
      'invalid-name',
      'invalid-version',
      'not-found',
      'forbidden',
      'quarantined',
      'precondition-failed',
    ],
    scopes: { anyOf: ['catalog:publish', 'catalog:manage', 'catalog:admin'] },
  })
  async changeState(
    @Params() params: z.output<typeof versionParams>,
    @Body() change: StateChange,
    @Headers('if-match') ifMatch: string | undefined,
    @CurrentPrincipal() principal: Principal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<VersionView | undefined> {
    const tagged = await this.states.changeState(
      nameOf(params),
      versionOf(params),
      change,
      ifMatch,
      principal,
    );
    return answer(tagged, undefined, reply);
  }

  @Endpoint('GET :ns/:name/versions/:v/history', {
    summary: 'States of a version, newest first, each with its reason',
    tag: 'proxylets',
    params: versionParams,
    query: pageOnly,
    response: pageSchema(stateEntrySchema),
    errors: ['invalid-name', 'invalid-version', 'not-found'],
    scopes: ['catalog:read'],
    anonymous: true,
  })
  history(
    @Params() params: z.output<typeof versionParams>,
    @Query() query: z.output<typeof pageOnly>,
    @Reader() reader: ReadRights,
  ): Promise<Page<StateEntry>> {
    return this.states.history(nameOf(params), versionOf(params), query, reader);
  }
}
