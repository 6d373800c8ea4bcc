import { Controller, Inject } from '@nestjs/common';
import { type Lock, lockSchema, resolveRequestSchema, type ResolveRequest } from '@proxylet/contract';
import { Body, Endpoint } from '@proxylet/nest';
import { ResolveService } from './resolve.service.js';

@Controller('v1/resolve')
export class ResolveController {
  constructor(@Inject(ResolveService) private readonly resolver: ResolveService) {}

  @Endpoint('POST', {
    summary: 'Choose versions that meet every want on an engine',
    description:
      'Answers a lock: name, version and digest of each proxylet, dependencies first; or says which want met which obstacle.',
    tag: 'resolve',
    body: resolveRequestSchema,
    response: lockSchema,
    errors: ['unresolvable'],
    scopes: ['catalog:read'],
  })
  resolve(@Body() request: ResolveRequest): Promise<Lock> {
    return this.resolver.resolve(request);
  }
}
