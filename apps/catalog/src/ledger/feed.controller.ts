import type { ServerResponse } from 'node:http';
import { Controller, Headers, Inject, Res } from '@nestjs/common';
import type { Principal } from '@proxylet/auth';
import { Problem } from '@proxylet/contract';
import { CurrentPrincipal, Endpoint, Query } from '@proxylet/nest';
import type { FastifyReply } from 'fastify';
import type { ReadRights } from '../rights/read-rights.js';
import { Reader } from '../rights/reader.js';
import { EventStream } from './event-stream.js';
import { FeedFollower } from './feed-follower.js';
import { type ChangesPage, changesQuery, type ChangesQuery, changesSchema } from './feed.schemas.js';
import { FeedService } from './feed.service.js';

@Controller('v1/changes')
export class FeedController {
  constructor(
    @Inject(FeedService) private readonly feed: FeedService,
    @Inject(FeedFollower) private readonly follower: FeedFollower,
  ) {}

  @Endpoint('GET', {
    summary: 'What changed in the catalog, in order, without gaps',
    description:
      'Changes after `since`, as far as the caller may read what they are about; ask again with `last`. With `wait` the answer is held back until there is a change. With `Accept: text/event-stream` a stream of `change` events that goes on after `Last-Event-ID`; a `gap` event says that changes in between are no longer kept.',
    tag: 'changes',
    query: changesQuery,
    response: changesSchema,
    errors: ['changes-gone', 'too-many-requests'],
    scopes: ['catalog:read'],
  })
  async changes(
    @Query() query: ChangesQuery,
    @Reader() rights: ReadRights,
    @CurrentPrincipal() { key }: Principal,
    @Headers('accept') accept: string | undefined,
    @Headers('last-event-id') lastEventId: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ChangesPage | undefined> {
    const wantsEvents = accept?.toLowerCase().includes('text/event-stream') === true;
    const from = wantsEvents && lastEventId !== undefined ? positionOf(lastEventId) : query;
    const since = await this.startOf(from);
    reply.header('cache-control', 'no-store');
    if (!wantsEvents) {
      const reader = { key, rights, gone: goneSignal(reply.raw) };
      return await this.follower.poll(since, query.limit, query.wait * 1000, reader);
    }
    // What is gone is a plain 410 as long as the answer has not begun.
    await this.feed.page(since, 1, rights);
    using _place = this.follower.admit(key);
    reply.hijack();
    await this.follower.stream(new EventStream(reply.raw), since, rights);
    return undefined;
  }

  /** @throws Problem `changes-gone` for a position in another history */
  private async startOf({ since, epoch }: Pick<ChangesQuery, 'since' | 'epoch'>): Promise<number> {
    const bounds = await this.feed.bounds();
    if (epoch !== undefined && epoch !== bounds.epoch) {
      const { last, oldest } = bounds;
      throw new Problem(
        'changes-gone',
        `The feed begins anew since you read it: its epoch is ${bounds.epoch}. Read afresh what you need, then go on after ${last}.`,
        { extra: { epoch: bounds.epoch, last, oldest } },
      );
    }
    if (since === 'now') return bounds.last;
    return since ?? bounds.oldest - 1;
  }
}

/** Aborted when the connection goes before it was answered, or after. */
function goneSignal(response: ServerResponse): AbortSignal {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  return gone.signal;
}

/** @throws Problem `invalid-request` */
function positionOf(eventId: string): { readonly epoch: string; readonly since: number } {
  const [, epoch, since] = /^([0-9a-f-]{1,64}):(\d{1,15})$/.exec(eventId) ?? [];
  if (epoch !== undefined && since !== undefined) return { epoch, since: Number(since) };
  throw new Problem('invalid-request', 'The Last-Event-ID is not one of this stream.', {
    errors: [{ pointer: '/headers/last-event-id', detail: 'is not an id of this stream' }],
  });
}
