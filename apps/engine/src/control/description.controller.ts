import { Controller } from '@nestjs/common';
import { type EngineDescription, engineDescriptionSchema } from '@proxylet/contract';
import { Endpoint, ServiceInfo } from '@proxylet/nest';
import { EngineCore } from '../engine-core.js';
import { runtimes } from '../start-engine-core.js';

@Controller('.well-known')
export class DescriptionController {
  constructor(
    private readonly core: EngineCore,
    private readonly info: ServiceInfo,
  ) {}

  @Endpoint('GET proxylet-engine', {
    summary: 'What this engine is, runs and offers',
    response: engineDescriptionSchema,
    public: true,
  })
  describe(): EngineDescription {
    const { config } = this.core.parts;
    return {
      id: config.id,
      version: this.info.version,
      audience: this.info.audience,
      runtimes: [...runtimes],
      capabilities: [...config.capabilities],
      limits: {
        memoryMb: config.maxMemoryMb,
        cpuMs: config.maxCpuMs,
        timeoutMs: config.maxTimeoutMs,
        bodyBytes: config.maxBodyBytes,
      },
      catalog: config.catalogUrl,
      issuers: [...this.info.issuers],
    };
  }
}
