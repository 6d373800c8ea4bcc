import type { IncomingMessage, Server, ServerOptions } from 'node:http';
import { TokenCache, TokenVerifier } from '@proxylet/auth';
import {
  type AppParts,
  challenge,
  FloodLimits,
  hostPolicy,
  LOG,
  type Log,
  logProblem,
  sendProblem,
  ServiceInfo,
  toProblem,
  traceIdOf,
} from '@proxylet/nest';
import { DataPlane, type PublicOrigin, type Refused } from './data-plane/data-plane.js';
import { runCors } from './data-plane/run-cors.js';
import { WebSockets } from './data-plane/web-sockets.js';
import { audienceOf, type EngineConfig } from './engine.config.js';
import { EngineCore } from './engine-core.js';
import { EngineModule } from './engine.module.js';

type Front = NonNullable<AppParts['front']>;
type Nest = Parameters<Front>[0];
type Gate = Parameters<Front>[1];

/** The engine as `createApp` and `runService` take it: control plane in Nest, data plane in front of it. */
export function engineApp(config: EngineConfig): AppParts {
  return {
    module: EngineModule.with(config),
    audience: audienceOf(config),
    hasTenants: true,
    front: (nest, gate) => {
      const plane = dataPlaneOf(nest, gate, config);
      const server = nest.getHttpServer() as Server & Pick<ServerOptions, 'shouldUpgradeCallback'>;
      // A request that asks for another upgrade is answered as if it had not (RFC 9110 §7.8).
      server.shouldUpgradeCallback = plane.takesUpgrade;
      server.on('upgrade', plane.upgrade);
      return plane.handle;
    },
  };
}

function dataPlaneOf(nest: Nest, gate: Gate, config: EngineConfig): DataPlane {
  const { registry, sandbox, breaches } = nest.get(EngineCore).parts;
  const info = nest.get(ServiceInfo);
  const log = nest.get<Log>(LOG);
  const limits = nest.get(FloodLimits);
  return new DataPlane({
    registry,
    sandbox,
    cache: nest.get(TokenCache),
    verifier: nest.get(TokenVerifier),
    limits,
    cors: runCors(config.corsOrigins),
    origins: new Set(config.corsOrigins),
    sockets: nest.get(WebSockets),
    gate,
    isKnownHost: knownHosts(config, info),
    publicOrigin: publicOriginOf(info),
    maxBodyBytes: config.maxBodyBytes,
    onBodyRefused: ({ record }, { detail }, traceId) =>
      breaches.add(record, { limit: 'body', detail, traceId }),
    traceIdOf,
    toProblem,
    refuse: (refused) => {
      limits.note(refused.problem, refused.request);
      const address = limits.clients.of(refused.request);
      refuse(refused, info, { log, address });
    },
  });
}

/** Hosts seen and allowed before are not parsed again; bounded, since any IP address is allowed. */
function knownHosts(config: EngineConfig, info: ServiceInfo): (request: IncomingMessage) => boolean {
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

function publicOriginOf(info: ServiceInfo): () => PublicOrigin {
  let parsed = { from: '', origin: '', host: '' };
  return () => {
    const { publicUrl } = info;
    if (parsed.from !== publicUrl) {
      const { origin, host } = new URL(publicUrl);
      parsed = { from: publicUrl, origin, host };
    }
    return parsed;
  };
}

function refuse(
  { request, response, problem, traceId, headers, proxylet }: Refused,
  info: ServiceInfo,
  { log, address }: { readonly log: Log; readonly address: string },
): void {
  logProblem(log, problem, { traceId, method: request.method, proxylet, address });
  const extra: Record<string, string> = { 'x-content-type-options': 'nosniff' };
  for (let i = 0; i + 1 < headers.length; i += 2) extra[headers[i] as string] = headers[i + 1] as string;
  const wwwAuthenticate = challenge(problem, info);
  if (wwwAuthenticate !== undefined) extra['www-authenticate'] = wwwAuthenticate;
  // The rest of a body that is too large or too slow is not waited for.
  if (problem.code === 'body-too-large' || problem.code === 'request-timeout') extra['connection'] = 'close';
  sendProblem(response, problem, traceId, extra);
}
