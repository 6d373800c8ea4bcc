import { Controller, Headers, Inject, Res } from '@nestjs/common';
import type { Principal } from '@proxylet/auth';
import { nameSchema, type Page } from '@proxylet/contract';
import { Body, CurrentPrincipal, Endpoint, pageQuery, pageSchema, Params, Query } from '@proxylet/nest';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { channelOf, channelParams, nameOf, nameParams, versionOf, versionParams } from '../http/params.js';
import { answer } from '../http/tagged.js';
import { Reader } from '../rights/reader.js';
import { ReadRights } from '../rights/read-rights.js';
import { ChannelService } from './channel.service.js';
import {
  channelBody,
  channelSchema,
  type ChannelView,
  type ProxyletItem,
  proxyletItemSchema,
  proxyletSchema,
  type ProxyletView,
  type ListedVersion,
  listedVersionSchema,
  versionSchemaFull,
  type VersionView,
} from './proxylet.schemas.js';
import { ProxyletService } from './proxylet.service.js';
import { SearchService } from './search.service.js';

const searchQuery = z.strictObject({
  ...pageQuery,
  q: z.string().max(200).optional().meta({
    description:
      'Words of name, keywords, capabilities, description or README, also their beginnings in names and keywords; typos are forgiven',
  }),
  namespace: z.string().max(64).optional(),
  runtime: z.string().max(64).optional().meta({ description: 'Type of runtime', example: 'isolate' }),
  capability: z.string().max(128).optional().meta({ example: 'kv' }),
  service: nameSchema.optional().meta({ description: 'Proxylets of this service only' }),
});
const pageOnly = z.strictObject(pageQuery);
const manageVersion = { anyOf: ['catalog:publish', 'catalog:manage', 'catalog:admin'] } as const;
type NameParams = z.output<typeof nameParams>;
type VersionParams = z.output<typeof versionParams>;
type ChannelParams = z.output<typeof channelParams>;

@Controller('v1/proxylets')
export class ProxyletController {
  constructor(
    @Inject(SearchService) private readonly finder: SearchService,
    @Inject(ProxyletService) private readonly proxylets: ProxyletService,
    @Inject(ChannelService) private readonly channels: ChannelService,
  ) {}

  @Endpoint('GET', {
    summary: 'Search proxylets',
    description:
      'With words, those that fit best come first, the popular ones first among those that fit alike; without, all by name. Whatever has no version left that is chosen comes last. A page may have fewer items than asked for, even none, and a next one.',
    tag: 'proxylets',
    query: searchQuery,
    response: pageSchema(proxyletItemSchema).extend({
      partial: z.literal(true).optional().meta({
        description: 'Of a mirror: it knows what was asked for here before; upstream may have more',
      }),
    }),
    errors: ['not-found'],
    scopes: ['catalog:read'],
    anonymous: true,
  })
  search(
    @Query() query: z.output<typeof searchQuery>,
    @Reader() reader: ReadRights,
  ): Promise<Page<ProxyletItem>> {
    return this.finder.search(query, reader);
  }

  @Endpoint('GET :ns/:name', {
    summary: 'A proxylet: what it is, its latest version, its channels',
    tag: 'proxylets',
    params: nameParams,
    response: proxyletSchema,
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
  ): Promise<ProxyletView | undefined> {
    return answer(await this.proxylets.get(nameOf(params), reader), ifNoneMatch, reply);
  }

  @Endpoint('GET :ns/:name/versions', {
    summary: 'Versions of a proxylet, highest first',
    tag: 'proxylets',
    params: nameParams,
    query: pageOnly,
    response: pageSchema(listedVersionSchema),
    errors: ['invalid-name', 'not-found'],
    scopes: ['catalog:read'],
    anonymous: true,
  })
  versions(
    @Params() params: NameParams,
    @Query() { limit, cursor }: z.output<typeof pageOnly>,
    @Reader() reader: ReadRights,
  ): Promise<Page<ListedVersion>> {
    return this.proxylets.versions(nameOf(params), limit, cursor, reader);
  }

  @Endpoint('GET :ns/:name/versions/:v', {
    summary: 'A version: manifest, digest, files, state',
    tag: 'proxylets',
    params: versionParams,
    response: versionSchemaFull,
    answers: { 304: 'Unchanged' },
    errors: ['invalid-name', 'invalid-version', 'not-found'],
    scopes: ['catalog:read'],
    anonymous: true,
  })
  async version(
    @Params() params: VersionParams,
    @Headers('if-none-match') ifNoneMatch: string | undefined,
    @Reader() reader: ReadRights,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<VersionView | undefined> {
    return answer(
      await this.proxylets.version(nameOf(params), versionOf(params), reader),
      ifNoneMatch,
      reply,
    );
  }

  @Endpoint('GET :ns/:name/versions/:v/readme', {
    summary: 'README of a version, as its author wrote it',
    tag: 'proxylets',
    params: versionParams,
    response: { contentType: 'text/markdown; charset=utf-8', description: 'The text; untrusted' },
    answers: { 304: 'Unchanged' },
    errors: ['invalid-name', 'invalid-version', 'not-found'],
    scopes: ['catalog:read'],
    anonymous: true,
  })
  async readme(
    @Params() params: VersionParams,
    @Headers('if-none-match') ifNoneMatch: string | undefined,
    @Reader() reader: ReadRights,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<string | undefined> {
    const tagged = await this.proxylets.readme(nameOf(params), versionOf(params), reader);
    reply.header('content-type', 'text/markdown; charset=utf-8').header('x-content-type-options', 'nosniff');
    return answer(tagged, ifNoneMatch, reply);
  }

  @Endpoint('GET :ns/:name/channels/:channel', {
    summary: 'Where a channel leads, and where it led',
    tag: 'channels',
    params: channelParams,
    response: channelSchema,
    answers: { 304: 'Unchanged' },
    errors: ['invalid-name', 'not-found'],
    scopes: ['catalog:read'],
    anonymous: true,
  })
  async channel(
    @Params() params: ChannelParams,
    @Headers('if-none-match') ifNoneMatch: string | undefined,
    @Reader() reader: ReadRights,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ChannelView | undefined> {
    return answer(await this.channels.get(nameOf(params), channelOf(params), reader), ifNoneMatch, reply);
  }

  @Endpoint('PUT :ns/:name/channels/:channel', {
    summary: 'Make or move a channel',
    description: 'With `If-Match` it moves only from where you saw it.',
    tag: 'channels',
    params: channelParams,
    body: channelBody,
    response: channelSchema,
    answers: { 201: 'The channel is new' },
    errors: ['invalid-name', 'not-found', 'forbidden', 'precondition-failed'],
    scopes: manageVersion,
  })
  async moveChannel(
    @Params() params: ChannelParams,
    @Body() { version }: z.output<typeof channelBody>,
    @Headers('if-match') ifMatch: string | undefined,
    @CurrentPrincipal() principal: Principal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ChannelView | undefined> {
    const moved = await this.channels.move(nameOf(params), channelOf(params), version, ifMatch, principal);
    if (moved.isNew) reply.status(201);
    return answer(moved, undefined, reply);
  }
}
