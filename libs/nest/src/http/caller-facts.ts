import { AsyncLocalStorage } from 'node:async_hooks';
import { isIP } from 'node:net';
import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import type { Principal } from '@proxylet/auth';
import type { FastifyRequest } from 'fastify';
import { Observable } from 'rxjs';
import { principalOf } from '../auth/access.js';
import { canonicalAddress } from './address.js';
import { traceIdOf } from './trace.js';

/** What a record of a request is to know of it besides who asked. */
export interface CallerFacts {
  /** Trace id of the request: the one in answers and log lines. */
  readonly requestId: string;
  /** Of the caller, as the connection or a configured proxy says. */
  readonly address: string;
  /** How the caller showed who it is. */
  readonly method: 'access-token' | 'publish-token' | 'trust-policy' | 'none';
  /** Of the token: `jti`, or the id of a token of our own. */
  readonly tokenId?: string;
}

const current = new AsyncLocalStorage<CallerFacts>();

/** Of the request this code works for; undefined for work of the service's own. */
export function callerFacts(): CallerFacts | undefined {
  return current.getStore();
}

/** Makes `callerFacts` known to everything a handler does, also after it waited. Runs after the guard. */
export class CallerFactsInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const facts = factsOf(context.switchToHttp().getRequest<FastifyRequest>());
    return new Observable((subscriber) => current.run(facts, () => next.handle().subscribe(subscriber)));
  }
}

function factsOf(request: FastifyRequest): CallerFacts {
  const principal = principalOf(request);
  return {
    requestId: traceIdOf(request.raw),
    address: addressOf(request),
    method: principal === undefined ? 'none' : methodOf(principal),
    ...(principal?.tokenId === undefined ? {} : { tokenId: principal.tokenId }),
  };
}

/** A proxy that passes on what it got may tell anything: what is no address does not count. */
function addressOf({ ip, socket }: FastifyRequest): string {
  return canonicalAddress(isIP(ip) === 0 ? (socket.remoteAddress ?? '') : ip);
}

function methodOf({ grant }: Principal): CallerFacts['method'] {
  if (grant === undefined) return 'access-token';
  return grant.namespace === undefined ? 'publish-token' : 'trust-policy';
}
