import { Controller, Headers, Res } from '@nestjs/common';
import type { Principal } from '@proxylet/auth';
import { CurrentPrincipal, Endpoint, Params, Query } from '@proxylet/nest';
import type { FastifyReply } from 'fastify';
import { EngineCore } from '../engine-core.js';
import type { LogLine } from '../logs/log-ring.js';
import { EventStreams } from './event-streams.js';
import { InstallationService } from './installation.service.js';
import { type LogQuery, logQuery, logSchema, type NameParams, nameParams } from './schemas.js';
import { wantsEvents } from './sse.js';
import { logLineView } from './views.js';

@Controller('v1/installations')
export class LogController {
  constructor(
    private readonly installations: InstallationService,
    private readonly core: EngineCore,
    private readonly streams: EventStreams,
  ) {}

  @Endpoint('GET :ns/:name/logs', {
    summary: 'What an installation logged',
    description:
      'The last lines; with `Accept: text/event-stream` a stream of `log` events that goes on after `Last-Event-ID`. A `gap` event says how many lines in between are no longer kept (`missed`; null after a restart of the engine).',
    params: nameParams,
    query: logQuery,
    response: logSchema,
    errors: ['not-installed'],
    scopes: { anyOf: ['engine:install', 'engine:invoke', 'engine:manage'] },
  })
  async read(
    @Params() { ns, name }: NameParams,
    @Query() { limit }: LogQuery,
    @Headers('accept') accept: string | undefined,
    @Headers('last-event-id') lastEventId: string | undefined,
    @CurrentPrincipal() principal: Principal,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { id } = this.installations.find(principal, `${ns}/${name}`);
    if (wantsEvents(accept)) return this.follow(reply, id, limit, lastEventId);
    const { logs } = this.core.parts;
    const lines = logs.ringOf(id).latest(limit);
    await reply.send({ items: lines.map((line) => logLineView(line, logs.epoch)) });
    return undefined;
  }

  private follow(
    reply: FastifyReply,
    installationId: string,
    limit: number,
    lastEventId: string | undefined,
  ): void {
    const { logs } = this.core.parts;
    const ring = logs.ringOf(installationId);
    const stream = this.streams.start(reply);
    const send = (line: LogLine): void => {
      const view = logLineView(line, logs.epoch);
      stream.send('log', view, view.id);
    };
    if (lastEventId === undefined) {
      for (const line of ring.latest(limit)) send(line);
    } else {
      const { lines, missed } = logs.replay(installationId, lastEventId);
      if (!logs.isKnown(lastEventId)) stream.send('gap', { missed: null });
      else if (missed > 0) stream.send('gap', { missed });
      for (const line of lines) send(line);
    }
    stream.onClose(ring.follow(send));
  }
}
