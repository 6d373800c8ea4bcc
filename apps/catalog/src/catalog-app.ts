import type { IncomingMessage } from 'node:http';
import { TokenCache } from '@proxylet/auth';
import { type AppParts, FloodLimits, hostPolicy, Metrics, ServiceInfo } from '@proxylet/nest';
import { Artifacts } from './blob/artifacts.js';
import { Delivery } from './blob/delivery.js';
import type { CatalogConfig } from './catalog.config.js';
import { CatalogModule } from './catalog.module.js';
import { Database } from './database/database.js';
import { AnswerCache } from './front/answer-cache.js';
import { freshnessOf } from './front/freshness.js';
import { HotReads } from './front/hot-reads.js';
import { CatalogMetrics } from './operate/catalog-metrics.js';
import { ProxyletService } from './proxylet/proxylet.service.js';
import { Popularity } from './search/popularity.js';

type Front = NonNullable<AppParts['front']>;
type Nest = Parameters<Front>[0];

/** The catalog as `createApp` and `runService` take it: Nest, and in front of it what is read most. */
export function catalogApp(config: CatalogConfig): AppParts {
  const module = CatalogModule.with(config);
  // What a mirror reads it may have to fetch first.
  if (config.cacheMb === 0 || config.upstreamUrl !== undefined) return { module };
  return { module, front: (nest) => hotReadsOf(nest, config).handle };
}

function hotReadsOf(nest: Nest, config: CatalogConfig): HotReads {
  const find: Nest['get'] = (token: Parameters<Nest['get']>[0]) => nest.get(token, { strict: false });
  const database = find<Database>(Database);
  const sent = find<CatalogMetrics>(CatalogMetrics);
  const artifacts = find<Delivery>(Delivery).redirects ? undefined : find<Artifacts>(Artifacts);
  return new HotReads({
    sources: { database, proxylets: find<ProxyletService>(ProxyletService), artifacts },
    answers: new AnswerCache(config.cacheMb * 1024 * 1024),
    freshness: freshnessOf(database),
    tokens: find<TokenCache>(TokenCache),
    limits: find<FloodLimits>(FloodLimits),
    popularity: find<Popularity>(Popularity),
    metrics: find<Metrics>(Metrics),
    countSent: (bytes) => sent.countSent(bytes),
    isKnownHost: knownHosts(config, find<ServiceInfo>(ServiceInfo)),
  });
}

/** Hosts seen and allowed before are not parsed again; bounded, since any IP address is allowed. */
function knownHosts(config: CatalogConfig, info: ServiceInfo): (request: IncomingMessage) => boolean {
  const policy = hostPolicy(config.allowedHosts, () => info.publicUrl);
  const known = new Set<string>();
  return (request) => {
    const { host } = request.headers;
    if (host !== undefined && known.has(host)) return true;
    if (!policy.allows(request)) return false;
    if (host !== undefined && known.size < 100) known.add(host);
    return true;
  };
}
