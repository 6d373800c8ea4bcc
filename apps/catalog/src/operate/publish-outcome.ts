import { type CallHandler, type ExecutionContext, Inject, type NestInterceptor } from '@nestjs/common';
import { Problem } from '@proxylet/contract';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Observable, tap } from 'rxjs';
import { CatalogMetrics } from './catalog-metrics.js';

/** Measures routes that publish: `@UseInterceptors(PublishOutcome)`. */
export class PublishOutcome implements NestInterceptor {
  constructor(@Inject(CatalogMetrics) private readonly metrics: CatalogMetrics) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const http = context.switchToHttp();
    const { query } = http.getRequest<FastifyRequest>();
    const reply = http.getResponse<FastifyReply>();
    const startedMs = performance.now();
    const note = (outcome: string): void =>
      this.metrics.observePublish(outcome, (performance.now() - startedMs) / 1000);
    return next.handle().pipe(
      tap({
        next: () => note(isDryRun(query) ? 'dry-run' : reply.statusCode === 201 ? 'published' : 'repeated'),
        error: (error: unknown) => note(error instanceof Problem ? error.code : 'internal'),
      }),
    );
  }
}

function isDryRun(query: unknown): boolean {
  const value = (query as Readonly<Record<string, unknown>> | undefined)?.['dry-run'];
  return value !== undefined && value !== 'false';
}
