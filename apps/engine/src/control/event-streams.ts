import type { FastifyReply } from 'fastify';
import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { type EventStream, openEventStream } from './sse.js';

/** Every open stream of events, so that a stopping engine need not wait for its readers. */
@Injectable()
export class EventStreams implements OnModuleDestroy {
  private readonly open = new Set<EventStream>();

  /** Takes the answer over from Nest. */
  start(reply: FastifyReply): EventStream {
    reply.hijack();
    const stream = openEventStream(reply.raw);
    this.open.add(stream);
    stream.onClose(() => this.open.delete(stream));
    return stream;
  }

  onModuleDestroy(): void {
    for (const stream of this.open) stream.end();
  }
}
