import {
  type BeforeApplicationShutdown,
  type DynamicModule,
  Inject,
  Module,
  type OnApplicationShutdown,
  type OnModuleInit,
} from '@nestjs/common';
import {
  exitCodes,
  ExtraAccess,
  HealthChecks,
  LOG,
  type Log,
  Metrics,
  ServiceFault,
  ServiceInfo,
} from '@proxylet/nest';
import { BreakGlass } from './break-glass/break-glass.js';
import { BreakGlassController } from './break-glass/break-glass.controller.js';
import { AdminController } from './control/admin.controller.js';
import { DescriptionController } from './control/description.controller.js';
import { ConfigController } from './control/config.controller.js';
import { EgressService } from './control/egress.service.js';
import { EventStreams } from './control/event-streams.js';
import { InstallationController } from './control/installation.controller.js';
import { InstallationService } from './control/installation.service.js';
import { LogController } from './control/log.controller.js';
import { ProgressAnswers } from './control/progress-answers.js';
import { ScheduleController } from './control/schedule.controller.js';
import { SecretController } from './control/secret.controller.js';
import { SecretService } from './control/secret.service.js';
import { EngineServiceController } from './control/service.controller.js';
import { WebSockets } from './data-plane/web-sockets.js';
import { TopicController } from './control/topic.controller.js';
import type { EngineConfig } from './engine.config.js';
import { EngineCore } from './engine-core.js';
import { registerEngineMetrics } from './engine-metrics.js';
import { startEngineCore } from './start-engine-core.js';
import { StateLockedError } from './store/state-lock.js';

/** The one module of the engine: a list of what is wired. */
@Module({})
export class EngineModule implements OnModuleInit, BeforeApplicationShutdown, OnApplicationShutdown {
  constructor(
    @Inject(EngineCore) private readonly core: EngineCore,
    @Inject(HealthChecks) private readonly health: HealthChecks,
    @Inject(Metrics) private readonly metrics: Metrics,
    @Inject(WebSockets) private readonly sockets: WebSockets,
  ) {}

  static with(config: EngineConfig): DynamicModule {
    return {
      module: EngineModule,
      controllers: [
        AdminController,
        BreakGlassController,
        DescriptionController,
        // Before the installations: their paths are the longer ones.
        LogController,
        ConfigController,
        ScheduleController,
        SecretController,
        InstallationController,
        EngineServiceController,
        TopicController,
      ],
      providers: [
        {
          provide: EngineCore,
          inject: [ServiceInfo, LOG],
          useFactory: (info: ServiceInfo, log: Log) => startCore(config, info, log),
        },
        {
          provide: WebSockets,
          useFactory: () =>
            new WebSockets({ idleMs: config.socketIdleMs, perInstallation: config.socketsPerInstallation }),
        },
        {
          provide: BreakGlass,
          inject: [ServiceInfo, LOG],
          useFactory: ({ stateDir: folder }: ServiceInfo, log: Log) => new BreakGlass({ folder, log }),
        },
        { provide: ExtraAccess, useExisting: BreakGlass },
        EgressService,
        EventStreams,
        InstallationService,
        ProgressAnswers,
        SecretService,
      ],
      exports: [EngineCore],
    };
  }

  onModuleInit(): void {
    const { store, kv, sandbox } = this.core.parts;
    this.health.add('database', () => store.probe());
    this.health.add('key-value', () => kv.usage(''));
    this.health.add('runners', () => {
      if (sandbox.runners().length === 0) throw new Error('no runner process could be started');
    });
    this.health.tell('containment', () => sandbox.containment);
    registerEngineMetrics(this.metrics.registry, this.core);
  }

  /** The server waits for its connections to end, and these would not. */
  beforeApplicationShutdown(): void {
    this.sockets[Symbol.dispose]();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.core[Symbol.asyncDispose]();
  }
}

async function startCore(config: EngineConfig, info: ServiceInfo, log: Log): Promise<EngineCore> {
  const ownPorts = (): number[] =>
    [info.listeningUrl, info.publicUrl].flatMap((url) => (url === undefined ? [] : [portOf(url)]));
  try {
    return await startEngineCore({ config, stateDir: info.stateDir, log, ownPorts });
  } catch (error) {
    if (!(error instanceof StateLockedError)) throw error;
    throw new ServiceFault(exitCodes.stateNotWritable, error.message, { cause: error });
  }
}

function portOf(url: string): number {
  const { port, protocol } = new URL(url);
  if (port !== '') return Number(port);
  return protocol === 'https:' ? 443 : 80;
}
