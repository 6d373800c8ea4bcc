import { createParamDecorator, type ExecutionContext, SetMetadata } from '@nestjs/common';
import type { Principal, Scope } from '@proxylet/auth';
import type { FastifyRequest } from 'fastify';

/** All of them, or one of them. */
export type ScopeRequirement = readonly Scope[] | { readonly anyOf: readonly Scope[] };

/** What a route asks of its caller before its handler runs. */
export type Access =
  | { readonly kind: 'public' }
  | {
      readonly kind: 'scopes';
      readonly scopes: ScopeRequirement;
      /** Answered without a token too, where the service admits that. */
      readonly anonymous?: boolean;
    };

export const ACCESS = 'proxylet:access';

/** Open to everybody: no token is looked at, not even a wrong one. */
export const Public = (): ClassDecorator & MethodDecorator => SetMetadata(ACCESS, publicAccess);

/** Needs an access token with all of these scopes. */
export const RequireScopes = (...scopes: readonly [Scope, ...Scope[]]): ClassDecorator & MethodDecorator =>
  SetMetadata(ACCESS, { kind: 'scopes', scopes } satisfies Access);

export const publicAccess: Access = { kind: 'public' };

const principals = new WeakMap<FastifyRequest, Principal>();

export function setPrincipal(request: FastifyRequest, principal: Principal): void {
  principals.set(request, principal);
}

/** The verified caller; undefined on a public route and for an anonymous one. */
export function principalOf(request: FastifyRequest): Principal | undefined {
  return principals.get(request);
}

/** Gives a handler the verified caller. On a public route there is none, and asking for it is a fault of ours. */
export const CurrentPrincipal = createParamDecorator(
  (_data: unknown, context: ExecutionContext): Principal => {
    const principal = principalOf(context.switchToHttp().getRequest<FastifyRequest>());
    if (principal === undefined) throw new Error('A public or anonymous route has no principal.');
    return principal;
  },
);
