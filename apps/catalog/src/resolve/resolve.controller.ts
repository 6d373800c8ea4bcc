import { Controller, Inject } from '@nestjs/common';
import { type Lock, lockSchema, resolveRequestSchema, type ResolveRequest } from '@proxylet/contract';
import { Body, Endpoint } from '@proxylet/nest';
import { Reader } from '../rights/reader.js';
import { ReadRights } from '../rights/read-rights.js';
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
    errors: ['unresolvable', 'resolution-too-hard'],
    scopes: ['catalog:read'],
    anonymous: true,
  })
  resolve(@Body() request: ResolveRequest, @Reader() reader: ReadRights): Promise<Lock> {
    return this.resolver.resolve(request, reader);
  }
}
