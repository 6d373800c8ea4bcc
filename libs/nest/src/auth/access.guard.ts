import { type CanActivate, type ExecutionContext, Injectable, type Type } from '@nestjs/common';
import type { Reflector } from '@nestjs/core';
import { AuthGuard } from '@nestjs/passport';
import {
  bearerText,
  inTenant,
  insufficientScope,
  type Principal,
  type TokenCache,
  type TokenVerifier,
} from '@proxylet/auth';
import { Problem } from '@proxylet/contract';
import type { FastifyRequest } from 'fastify';
import { ACCESS, type Access, type ScopeRequirement, setPrincipal } from './access.js';
import type { FloodLimits } from '../flood/flood-limits.js';
import { tenantHeaderOf } from '../http/tenant-header.js';
import type { ExtraAccess } from './extra-access.js';

export interface AccessGuardOptions {
  /** Name under which the strategy is registered with passport; none where no issuer publishes keys. */
  readonly strategy: string | undefined;
  readonly reflector: Reflector;
  readonly cache: TokenCache;
  readonly limits: FloodLimits;
  readonly verifier: Pick<TokenVerifier, 'isForKeys' | 'verify'>;
  readonly hasTenants: boolean;
  readonly extra: ExtraAccess | undefined;
}

/** Guard of every route, closed by default: what says nothing about its access is answered to nobody. */
export function createAccessGuard({
  strategy,
  reflector,
  cache,
  limits,
  verifier,
  hasTenants,
  extra,
}: AccessGuardOptions): CanActivate {
  const PassportGuard: Type<CanActivate> = AuthGuard(strategy ?? 'none');

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
      const caller = await this.authenticate(context, request);
      const principal = hasTenants ? inTenant(caller, tenantHeaderOf(request.raw)) : caller;
      limits.takeCall(principal);
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

    /** One way per token, chosen by its form: a token that one way refuses is never tried on another. */
    private async verify(
      context: ExecutionContext,
      request: FastifyRequest,
      token: string,
    ): Promise<Principal> {
      if (strategy === undefined || !verifier.isForKeys(token))
        return (await verifier.verify(token)).principal;
      await super.canActivate(context);
      return (request as FastifyRequest & { user: Principal }).user;
    }

    private async authenticate(context: ExecutionContext, request: FastifyRequest): Promise<Principal> {
      const token = bearerText(request.headers.authorization);
      const own = extra?.ownTokens;
      const { authorization = '' } = request.headers;
      const known = cache.get(authorization);
      if (known !== undefined) return known;
      limits.assertMayTry(request.raw);
      if (own !== undefined && token.startsWith(own.prefix)) return await own.verify(token, request.ip);
      const principal = await this.verify(context, request, token);
      cache.set(authorization, principal);
      return principal;
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
