import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { principalOf } from '@proxylet/nest';
import type { FastifyRequest } from 'fastify';
import { ReadRights } from './read-rights.js';

/** Gives a handler what its caller may read, also where the caller has no token. */
export const Reader = createParamDecorator(
  (_data: unknown, context: ExecutionContext): ReadRights =>
    ReadRights.of(principalOf(context.switchToHttp().getRequest<FastifyRequest>())),
);
