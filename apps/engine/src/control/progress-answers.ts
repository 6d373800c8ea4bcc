import { Injectable } from '@nestjs/common';
import { InjectLog, type Log, logProblem, toProblem, traceIdOf } from '@proxylet/nest';
import type { FastifyReply } from 'fastify';
import type { OnProgress } from '../install/progress.js';
import { EventStreams } from './event-streams.js';
import { wantsEvents } from './sse.js';

export interface Answer {
  readonly status: number;
  readonly etag?: string;
  readonly body: unknown;
}

/** Answers of long work: one JSON document at the end, or events all along. */
@Injectable()
export class ProgressAnswers {
  constructor(
    private readonly streams: EventStreams,
    @InjectLog() private readonly log: Log,
  ) {}

  /** A reader that goes away does not stop the work: others may have joined it. */
  async send(
    reply: FastifyReply,
    accept: string | undefined,
    work: (onProgress: OnProgress) => Promise<Answer>,
  ): Promise<void> {
    if (wantsEvents(accept)) return this.stream(reply, work);
    const { status, etag, body } = await work(() => undefined);
    if (etag !== undefined) void reply.header('etag', etag);
    await reply.status(status).send(body);
    return undefined;
  }

  private async stream(
    reply: FastifyReply,
    work: (onProgress: OnProgress) => Promise<Answer>,
  ): Promise<void> {
    const traceId = traceIdOf(reply.request.raw);
    const stream = this.streams.start(reply);
    try {
      const { status, body } = await work((progress) => void stream.send('progress', progress));
      stream.send('done', { status, body });
    } catch (error) {
      const problem = toProblem(error);
      logProblem(this.log, problem, { traceId, route: reply.request.routeOptions.url });
      stream.send('problem', problem.toBody(traceId));
    } finally {
      stream.end();
    }
  }
}
