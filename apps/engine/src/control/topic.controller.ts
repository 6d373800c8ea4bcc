import { Controller, Req, Res } from '@nestjs/common';
import type { Principal } from '@proxylet/auth';
import { Body, CurrentPrincipal, Endpoint, Params, traceIdOf } from '@proxylet/nest';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { EngineCore } from '../engine-core.js';
import { topicOf } from '../topics/realms.js';
import type { BusMessage } from '../topics/topic-bus.js';
import { EventStreams } from './event-streams.js';
import {
  publishedSchema,
  type TopicFilterParams,
  type TopicParams,
  topicFilterParams,
  topicParams,
} from './schemas.js';

const scopes = ['engine:invoke'] as const;
const tag = 'Topics';

/** Programs of a user beside the user's proxylets: they hear and say what an installation of that user could. */
@Controller('v1/topics')
export class TopicController {
  constructor(
    private readonly core: EngineCore,
    private readonly streams: EventStreams,
  ) {}

  @Endpoint('POST :topic', {
    summary: 'Publish a message to your own installations',
    description:
      'The body, any JSON value, is the message. 202 says that it was taken; whether anybody listens is not told.',
    tag,
    params: topicParams,
    body: z.unknown().meta({ description: 'The message' }),
    status: 202,
    response: publishedSchema,
    errors: ['body-too-large'],
    scopes,
  })
  async publish(
    @Params() { topic }: TopicParams,
    @Body() message: unknown,
    @CurrentPrincipal() principal: Principal,
    @Req() request: FastifyRequest,
  ) {
    const bytes = Buffer.from(JSON.stringify(message ?? null));
    const { topics } = this.core.parts.bindings;
    const traceId = traceIdOf(request.raw);
    const id = await topics.publish(principal.key, topic, {
      contentType: 'application/json',
      bytes,
      traceId,
    });
    return { id };
  }

  @Endpoint('GET :filter', {
    summary: 'Hear the messages of your own installations, and of shared ones',
    description:
      'A stream of `message` events from now on; `data` holds the payload as JSON, as text or in base64, by its content type. A reader that is too slow is cut off, and what it missed is gone.',
    tag,
    params: topicFilterParams,
    response: { contentType: 'text/event-stream', description: '`message` events' },
    scopes,
  })
  listen(
    @Params() { filter }: TopicFilterParams,
    @CurrentPrincipal() principal: Principal,
    @Res() reply: FastifyReply,
  ): void {
    const { topics } = this.core.parts.bindings;
    const stream = this.streams.start(reply);
    const subscription = topics.listen(principal.key, filter, (message) => {
      if (!stream.send('message', viewOf(message), message.id)) subscription.close();
    });
    stream.onClose(() => subscription.close());
  }
}

function viewOf({ id, subject, publishedMs, publisher, contentType, bytes, traceId }: BusMessage) {
  return {
    id,
    topic: topicOf(subject),
    at: new Date(publishedMs).toISOString(),
    publisher: publisher ?? null,
    contentType,
    traceId,
    ...payloadOf(contentType, Buffer.from(bytes)),
  };
}

/** A payload that is not what its type says is given as bytes. */
function payloadOf(contentType: string, bytes: Buffer): { encoding: string; data: unknown } {
  const text = bytes.toString('utf8');
  const isText = Buffer.from(text).equals(bytes);
  if (isText && /^application\/json\b/.test(contentType)) {
    try {
      return { encoding: 'json', data: JSON.parse(text) as unknown };
    } catch {
      return { encoding: 'text', data: text };
    }
  }
  return isText && contentType.startsWith('text/')
    ? { encoding: 'text', data: text }
    : { encoding: 'base64', data: bytes.toString('base64') };
}
