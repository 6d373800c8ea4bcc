import { type DynamicModule, Module, type Type } from '@nestjs/common';
import { TokenCache, TokenVerifier } from '@proxylet/auth';
import { FloodLimits } from '../flood/flood-limits.js';
import { HealthChecks } from './health.js';
import { LOG, type Log } from './log.js';
import { Metrics } from './metrics.js';
import { ServiceController } from './service.controller.js';
import type { TlsFiles } from './tls-files.js';
import { ServiceInfo } from './service-info.js';

export interface ServiceParts {
  readonly info: ServiceInfo;
  readonly verifier: TokenVerifier;
  readonly cache: TokenCache;
  readonly limits: FloodLimits;
  readonly tls: TlsFiles | undefined;
  readonly health: HealthChecks;
  readonly metrics: Metrics;
  readonly log: Log;
}

/** Root of every service: what both share, injectable everywhere, around the application's one module. */
@Module({})
export class ServiceModule {
  static around(app: Type | DynamicModule, parts: ServiceParts): DynamicModule {
    const providers = [
      { provide: ServiceInfo, useValue: parts.info },
      { provide: TokenVerifier, useValue: parts.verifier },
      { provide: TokenCache, useValue: parts.cache },
      { provide: FloodLimits, useValue: parts.limits },
      { provide: HealthChecks, useValue: parts.health },
      { provide: Metrics, useValue: parts.metrics },
      { provide: LOG, useValue: parts.log },
    ];
    return {
      module: ServiceModule,
      global: true,
      imports: [app],
      controllers: [ServiceController],
      providers,
      exports: providers.map(({ provide }) => provide),
    };
  }
}
