import { Controller, Header, Inject } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { scopes } from '@proxylet/auth';
import { Problem } from '@proxylet/contract';
import { z } from 'zod';
import { Endpoint } from '../endpoint/endpoint.js';
import { routesOf } from '../endpoint/routes.js';
import { docsPage, docsPagePolicy } from '../openapi/docs-page.js';
import { type OpenApiDocument, openApiDocument } from '../openapi/document.js';
import { HealthChecks, type HealthReport } from './health.js';
import { Metrics } from './metrics.js';
import { ServiceInfo } from './service-info.js';

const tag = 'Service';
const anyObject = z.looseObject({});

/** What a service tells about itself: version, health, metrics, its API, and where tokens come from. All public. */
@Controller()
export class ServiceController {
  #document: OpenApiDocument | undefined;
  #page: string | undefined;

  constructor(
    private readonly info: ServiceInfo,
    private readonly health: HealthChecks,
    private readonly metrics: Metrics,
    @Inject(ModulesContainer) private readonly modules: ModulesContainer,
  ) {}

  @Endpoint('GET version', { summary: 'Version and uptime', tag, response: anyObject, public: true })
  version(): Record<string, unknown> {
    const { name, version, gitHash, releaseDate, publicUrl, startedAtMs } = this.info;
    return {
      [`proxylet-${name}`]: {
        version,
        uptime: uptimeText(Date.now() - startedAtMs),
        git_hash: gitHash,
        release_date: releaseDate,
        doc: `${publicUrl}/docs`,
        api: { version: 'v1', link: `${publicUrl}/v1` },
      },
    };
  }

  @Endpoint('GET health/live', { summary: 'The process answers', tag, response: anyObject, public: true })
  live(): { status: 'live' } {
    return { status: 'live' };
  }

  @Endpoint('GET health/ready', {
    summary: 'Everything the service needs is up',
    tag,
    response: anyObject,
    errors: ['not-ready'],
    public: true,
  })
  async ready(): Promise<{ status: 'ready' } & Omit<HealthReport, 'ready'>> {
    const { ready, checks, details } = await this.health.report();
    if (ready) return { status: 'ready', checks, details };
    const down = Object.entries(checks).flatMap(([name, { ok, reason }]) =>
      ok ? [] : [`${name}: ${reason ?? ''}`],
    );
    throw new Problem('not-ready', `Not ready: ${down.join('; ')}.`, {
      extra: { checks, details },
      retryAfterSeconds: 5,
    });
  }

  @Endpoint('GET metrics', {
    summary: 'Prometheus metrics',
    tag,
    response: { contentType: 'text/plain', description: 'Prometheus text format' },
    public: true,
  })
  @Header('content-type', 'text/plain; version=0.0.4; charset=utf-8')
  metricsText(): Promise<string> {
    return this.metrics.registry.metrics();
  }

  @Endpoint('GET .well-known/oauth-protected-resource', {
    summary: 'Which identity managers give tokens for this service (RFC 9728)',
    tag,
    response: anyObject,
    public: true,
  })
  protectedResource(): Record<string, unknown> {
    const { name, audience, issuers, publicUrl } = this.info;
    return {
      resource: audience,
      resource_name: `Proxylet ${name}`,
      authorization_servers: issuers,
      scopes_supported: scopes.filter((scope) => scope.startsWith(`${name}:`) || scope === 'audit:read'),
      bearer_methods_supported: ['header'],
      resource_documentation: `${publicUrl}/docs`,
    };
  }

  @Endpoint('GET openapi.json', {
    summary: 'This API as OpenAPI 3.1',
    tag,
    response: anyObject,
    public: true,
  })
  openApi(): OpenApiDocument {
    const { name, version } = this.info;
    // Made at the first call, so that a start does not wait for it.
    this.#document ??= openApiDocument(routesOf(this.modules), { title: `Proxylet ${name}`, version });
    return this.#document;
  }

  @Endpoint('GET docs', {
    summary: 'This API as a page to read',
    tag,
    response: { contentType: 'text/html', description: 'The page' },
    public: true,
  })
  @Header('content-type', 'text/html; charset=utf-8')
  @Header('content-security-policy', docsPagePolicy)
  docs(): string {
    this.#page ??= docsPage(this.openApi());
    return this.#page;
  }
}

/** The form FIWARE components show: `1 d, 2 h, 3 m, 4.5 s`. */
function uptimeText(ms: number): string {
  const seconds = ms / 1000;
  const part = (size: number, of: number): number => Math.floor(seconds / size) % of;
  return `${Math.floor(seconds / 86_400)} d, ${part(3600, 24)} h, ${part(60, 60)} m, ${(seconds % 60).toFixed(1)} s`;
}
