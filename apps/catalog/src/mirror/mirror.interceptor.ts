import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import { isNamePart, resolveRequestSchema } from '@proxylet/contract';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { from, map, type Observable, switchMap } from 'rxjs';
import type { Freshness, Mirror } from './mirror.js';

interface Asked {
  readonly method: string;
  readonly route: string;
  readonly params: Readonly<Record<string, string | undefined>>;
  readonly body: unknown;
}

/** Before a read is answered, brings here what it is about; the answer says how fresh that is. */
export class MirrorInterceptor implements NestInterceptor {
  constructor(private readonly mirror: Mirror) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const http = context.switchToHttp();
    const { method, routeOptions, params, body } = http.getRequest<FastifyRequest>();
    const asked = { method, route: routeOptions.url ?? '', params: (params ?? {}) as Asked['params'], body };
    const reply = http.getResponse<FastifyReply>();
    return from(this.prepare(asked)).pipe(
      switchMap((freshness) => {
        if (freshness !== 'own') reply.header('cache-status', cacheStatus[freshness]);
        const answer = next.handle();
        return isSearch(asked) ? answer.pipe(map(asPartial)) : answer;
      }),
    );
  }

  private async prepare({ method, route, params, body }: Asked): Promise<Freshness> {
    if (method === 'PUT' && route === '/v1/namespaces/:ns') {
      if (isNamePart(params['ns'] ?? '')) await this.mirror.assertMayCreate(params['ns'] ?? '');
      return 'own';
    }
    if (method === 'POST' && route === '/v1/resolve') return await this.wants(body);
    if (method !== 'GET' && method !== 'HEAD') return 'own';
    const name = `${params['ns'] ?? ''}/${params['name'] ?? ''}`;
    if (route.startsWith('/v1/proxylets/:ns/:name')) return await this.mirror.proxylet(name);
    if (route.startsWith('/v1/services/:ns/:name')) return await this.mirror.service(name);
    if (route === '/v1/blobs/:digest') return await this.mirror.blob(params['digest'] ?? '');
    return 'own';
  }

  private async wants(body: unknown): Promise<Freshness> {
    const parsed = resolveRequestSchema.safeParse(body);
    if (!parsed.success) return 'own';
    const { wants } = parsed.data;
    const all = await Promise.all(
      wants.map((want) =>
        'service' in want ? this.mirror.service(want.service) : this.mirror.proxylet(want.proxylet),
      ),
    );
    await this.mirror.closure(wants.flatMap((want) => ('proxylet' in want ? [want.proxylet] : [])));
    return (['stale', 'fetched', 'fresh'] as const).find((freshness) => all.includes(freshness)) ?? 'own';
  }
}

function isSearch({ method, route }: Asked): boolean {
  return route === '/v1/proxylets' && (method === 'GET' || method === 'HEAD');
}

/** Searching upstream too would give a page of two orders, and none while it is away: the answer says what it lacks. */
function asPartial(page: unknown): unknown {
  return { ...(page as object), partial: true };
}

/** RFC 9211. A negative `ttl` says that the answer may be out of date: upstream cannot be asked. */
const cacheStatus: Readonly<Record<Exclude<Freshness, 'own'>, string>> = {
  fetched: 'proxylet-mirror; fwd=miss; stored',
  fresh: 'proxylet-mirror; hit',
  stale: 'proxylet-mirror; hit; ttl=-1; detail=upstream-away',
};
