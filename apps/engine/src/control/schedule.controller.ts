import { Controller } from '@nestjs/common';
import type { Principal } from '@proxylet/auth';
import { CurrentPrincipal, Endpoint, Params } from '@proxylet/nest';
import { EngineCore } from '../engine-core.js';
import type { LineView } from '../schedule/scheduler.js';
import { InstallationService } from './installation.service.js';
import { type NameParams, nameParams, scheduleSchema } from './schemas.js';

@Controller('v1/installations')
export class ScheduleController {
  constructor(
    private readonly installations: InstallationService,
    private readonly core: EngineCore,
  ) {}

  @Endpoint('GET :ns/:name/schedule', {
    summary: 'When an installation runs by itself, and how it went last',
    params: nameParams,
    response: scheduleSchema,
    errors: ['not-installed'],
    scopes: { anyOf: ['engine:install', 'engine:invoke', 'engine:manage', 'engine:admin'] },
  })
  read(@Params() { ns, name }: NameParams, @CurrentPrincipal() principal: Principal) {
    const { id } = this.installations.find(principal, `${ns}/${name}`);
    return { items: this.core.parts.bindings.scheduler.view(id).map(viewOf) };
  }
}

function viewOf({ cron, nextMs, last, skippedMs, isRunning }: LineView) {
  return {
    cron,
    next: iso(nextMs) ?? null,
    isRunning,
    ...(skippedMs === undefined ? {} : { skipped: iso(skippedMs) }),
    ...(last === undefined
      ? {}
      : {
          last: {
            due: iso(last.dueMs),
            startedAt: iso(last.startedMs),
            endedAt: iso(last.endedMs),
            // One without an end was cut short when the engine ended, unless it still runs.
            outcome: last.outcome ?? (isRunning ? 'running' : 'interrupted'),
            traceId: last.traceId,
          },
        }),
  };
}

function iso(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : new Date(ms).toISOString();
}
