import { type CanActivate, type ExecutionContext, Injectable, type Type } from '@nestjs/common';
import type { Reflector } from '@nestjs/core';
import { AuthGuard } from '@nestjs/passport';
import {
  assertCompact,
  bearerText,
  insufficientScope,
  type Principal,
  type TokenCache,
} from '@proxylet/auth';
import { Problem } from '@proxylet/contract';
import type { FastifyRequest } from 'fastify';
import { ACCESS, type Access, type ScopeRequirement, setPrincipal } from './access.js';
import type { ExtraAccess } from './extra-access.js';

export interface AccessGuardOptions {
  /** Name under which the strategy is registered with passport. */
  readonly strategy: string;
  readonly reflector: Reflector;
  readonly cache: TokenCache;
  readonly extra: ExtraAccess | undefined;
}

/** Guard of every route, closed by default: what says nothing about its access is answered to nobody. */
export function createAccessGuard({ strategy, reflector, cache, extra }: AccessGuardOptions): CanActivate {
  const PassportGuard: Type<CanActivate> = AuthGuard(strategy);

  @Injectable()
  class AccessGuard extends PassportGuard {
    override async canActivate(context: ExecutionContext): Promise<boolean> {
      const access = reflector.getAllAndOverride<Access | undefined>(ACCESS, [
        context.getHandler(),
        context.getClass(),
      ]);
      if (access === undefined)
        throw new Problem('forbidden', 'This route states no access rule, so it is closed.');
      if (access.kind === 'public') return true;
      const request = context.switchToHttp().getRequest<FastifyRequest>();
      if (access.anonymous === true && extra?.admitsAnonymous === true && hasNoToken(request)) return true;
      const principal = await this.authenticate(context, request);
      assertScopes(principal, access.scopes);
      setPrincipal(request, principal);
      return true;
    }

    /** passport's answer: a user, or why there is none. An outage of the IdM stays one and is no refusal. */
    handleRequest(error: unknown, user: unknown, info: unknown): unknown {
      if (user !== false && user !== undefined && user !== null) return user;
      if (error instanceof Problem) throw error;
      if (info instanceof Problem) throw info;
      const cause = error ?? info;
      throw new Problem('invalid-token', 'The access token is not valid here.', { cause });
    }

    private async authenticate(context: ExecutionContext, request: FastifyRequest): Promise<Principal> {
      const token = bearerText(request.headers.authorization);
      const own = extra?.ownTokens;
      if (own !== undefined && token.startsWith(own.prefix)) return await own.verify(token, request.ip);
      assertCompact(token);
      const known = cache.get(token);
      if (known !== undefined) return known;
      await super.canActivate(context);
      const { user } = request as FastifyRequest & { user: Principal };
      cache.set(token, user);
      return user;
    }
  }
  return new AccessGuard();
}

function hasNoToken({ headers }: FastifyRequest): boolean {
  return headers.authorization === undefined || headers.authorization === '';
}

function assertScopes({ scopes: held }: Principal, required: ScopeRequirement): void {
  if ('anyOf' in required) {
    if (!required.anyOf.some((scope) => held.has(scope))) throw insufficientScope(required.anyOf, true);
    return;
  }
  if (!required.every((scope) => held.has(scope))) throw insufficientScope(required);
}
