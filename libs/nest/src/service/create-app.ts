import type { IncomingMessage } from 'node:http';
import type { Server as TlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import type { DynamicModule, Type } from '@nestjs/common';
import { ModulesContainer, NestFactory, Reflector } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { RevocationList, TokenCache, TokenVerifier } from '@proxylet/auth';
import passport from 'passport';
import 'reflect-metadata';
import { createAccessGuard } from '../auth/access.guard.js';
import { ExtraAccess } from '../auth/extra-access.js';
import { bearerStrategy } from '../auth/bearer-strategy.js';
import type { CommonConfig } from '../config/common-settings.js';
import { FloodLimits } from '../flood/flood-limits.js';
import { InputInterceptor } from '../endpoint/input.interceptor.js';
import { assertEveryRouteDecided, routesOf } from '../endpoint/routes.js';
import { rangeMatcher } from '../http/address-ranges.js';
import { CallerFactsInterceptor } from '../http/caller-facts.js';
import { corsPolicy } from '../http/cors.js';
import { createGate, type Gate } from '../http/gate.js';
import { hostPolicy } from '../http/host.js';
import { traceIdOf } from '../http/trace.js';
import { logProblem, ProblemFilter } from '../problem/problem.filter.js';
import { createAdapter, type FrontHandler } from './fastify.js';
import { HealthChecks } from './health.js';
import { createLog, type Log } from './log.js';
import { Metrics } from './metrics.js';
import { nestLog } from './nest-log.js';
import { exitCodes, ServiceFault } from './service-fault.js';
import { ServiceInfo } from './service-info.js';
import { ServiceModule, type ServiceParts } from './service.module.js';
import { TlsFiles } from './tls-files.js';

export type UpgradeHandler = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

/** What an application adds to the common service. */
export interface AppParts {
  readonly module: Type | DynamicModule;
  /** For a service that computes its audience; else the setting stands. */
  readonly audience?: string;
  /** Whether `Fiware-Service` selects a tenant here: a caller is another principal in each. */
  readonly hasTenants?: boolean;
  /** Largest JSON body, bytes; 256 KB by default. */
  readonly bodyLimitBytes?: number;
  /** Made after everything is wired: a handler that sees every request before Fastify does. */
  readonly front?: (nest: NestFastifyApplication, gate: Gate) => FrontHandler;
  readonly upgrade?: (nest: NestFastifyApplication) => UpgradeHandler;
  /** Last step before the service listens. */
  readonly beforeListen?: (nest: NestFastifyApplication) => Promise<void>;
}

export interface AppOptions extends AppParts {
  readonly name: string;
  readonly version: string;
  readonly http: CommonConfig;
  /** The service's own folder; the issuers' keys are kept below it. */
  readonly stateDir: string;
  readonly log?: Log;
}

/** A service that is wired and not yet listening. */
export interface ServiceApp {
  readonly nest: NestFastifyApplication;
  readonly info: ServiceInfo;
  readonly log: Log;
  /** Address it listens on. @throws Error before `listen` */
  readonly url: string;
  listen(): Promise<string>;
  /** Refuses further requests, lets those under way finish for up to 5 s, frees everything; may be called twice. */
  close(): Promise<void>;
}

const defaultBodyLimitBytes = 256 * 1024;
const drainMs = 5000;
let strategies = 0;

/**
 * Wires a service: Nest on Fastify, closed by default, every error a problem.
 *
 * @throws Error where a route states no access rule or the configuration trusts nothing
 */
export async function createApp(options: AppOptions): Promise<ServiceApp> {
  const parts = await createParts(options);
  try {
    return await wire(options, parts);
  } catch (error) {
    await parts.verifier.close();
    throw error;
  }
}

async function wire(options: AppOptions, parts: ServiceParts): Promise<ServiceApp> {
  const { info, log, metrics } = parts;
  const { corsOrigins, allowedHosts, trustedProxies } = options.http;
  const gate = createGate(
    corsPolicy(corsOrigins),
    hostPolicy(allowedHosts, () => info.publicUrl),
    (problem, request) => {
      const address = parts.limits.clients.of(request);
      logProblem(log, problem, { traceId: traceIdOf(request), method: request.method, address });
    },
  );
  let front: FrontHandler | undefined;
  const bodyLimitBytes = options.bodyLimitBytes ?? defaultBodyLimitBytes;
  const stop = { isAsked: false };
  const isClosing = (): boolean => stop.isAsked;
  const adapter = createAdapter({
    gate,
    front: () => front,
    bodyLimitBytes,
    metrics,
    isClosing,
    limits: parts.limits,
    maxConnections: options.http.maxConnections,
    source: info,
    tls: parts.tls?.options,
    isTrustedProxy: rangeMatcher(trustedProxies),
  });
  const nest = await NestFactory.create<NestFastifyApplication>(
    ServiceModule.around(options.module, parts),
    adapter,
    { logger: nestLog(log), abortOnError: false, bodyParser: false },
  );
  parts.tls?.follow(nest.getHttpServer() as unknown as TlsServer, log);
  const strategy = useAccessControl(nest, parts, options.hasTenants === true);
  const service = serviceApp(nest, options, parts, strategy, stop);
  try {
    assertEveryRouteDecided(routesOf(nest.get(ModulesContainer)));
    await nest.init();
    front = options.front?.(nest, gate);
    const upgrade = options.upgrade?.(nest);
    if (upgrade !== undefined) nest.getHttpServer().on('upgrade', upgrade);
    return service;
  } catch (error) {
    await service.close();
    throw error;
  }
}

async function createParts({ name, version, http, stateDir, ...options }: AppOptions): Promise<ServiceParts> {
  const audience = options.audience ?? http.audience;
  if (audience === undefined) throw new Error('The service has no audience.');
  const log = options.log ?? createLog({ name, level: http.logLevel });
  const tls = await tlsFilesOf(http);
  const cache = new TokenCache();
  const verifier = await TokenVerifier.create({
    profiles: http.issuers,
    audience,
    cacheDir: join(stateDir, 'issuer-keys'),
    log,
    revocations: await revocationsOf(http, stateDir, log),
    onTrustLost: () => {
      cache.clear();
    },
  });
  const { gitHash, releaseDate, publicUrl } = http;
  const fallbackUrl = urlOf(http);
  const info = new ServiceInfo(
    name,
    version,
    audience,
    verifier.issuers,
    stateDir,
    gitHash,
    releaseDate,
    publicUrl,
    fallbackUrl,
  );
  const limits = new FloodLimits({
    trustedProxies: http.trustedProxies,
    perAddress: http.ratePerAddress,
    perPrincipal: http.ratePerPrincipal,
    refusals: http.refusalsPerAddress,
  });
  return { info, verifier, cache, limits, tls, health: new HealthChecks(), metrics: new Metrics(), log };
}

/** Guard, input checks and error form for every route there is; the strategy gets a name of its own per service. */
function useAccessControl(
  nest: NestFastifyApplication,
  { cache, verifier, limits, log, info }: ServiceParts,
  hasTenants: boolean,
): string | undefined {
  const strategy = useStrategy(verifier);
  const reflector = new Reflector();
  nest.useGlobalFilters(new ProblemFilter(log, info, limits));
  nest.useGlobalGuards(
    createAccessGuard({ strategy, reflector, cache, limits, verifier, hasTenants, extra: extraAccess(nest) }),
  );
  nest.useGlobalInterceptors(new CallerFactsInterceptor(), new InputInterceptor(reflector));
  return strategy;
}

/** None where every issuer is asked, or shares a secret with us: the strategy is for published keys. */
function useStrategy(verifier: TokenVerifier): string | undefined {
  if (verifier.algorithms.length === 0) return undefined;
  strategies += 1;
  const strategy = `proxylet-bearer-${strategies}`;
  passport.use(strategy, bearerStrategy(verifier));
  return strategy;
}

/** What the application provides under `ExtraAccess`; nothing is the closed answer. */
function extraAccess(nest: NestFastifyApplication): ExtraAccess | undefined {
  const modules = [...nest.get(ModulesContainer).values()];
  const isProvided = modules.some((module) => module.providers.has(ExtraAccess));
  return isProvided ? nest.get(ExtraAccess, { strict: false }) : undefined;
}

function serviceApp(
  nest: NestFastifyApplication,
  options: AppOptions,
  { info, verifier, log, metrics, tls }: ServiceParts,
  strategy: string | undefined,
  stop: { isAsked: boolean },
): ServiceApp {
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    stop.isAsked = true;
    const server = nest.getHttpServer();
    const force = setTimeout(() => {
      server.closeAllConnections();
    }, drainMs);
    try {
      await nest.close();
    } finally {
      clearTimeout(force);
      await verifier.close();
      tls?.[Symbol.dispose]();
      if (strategy !== undefined) passport.unuse(strategy);
      metrics.registry.clear();
    }
  };
  return {
    nest,
    info,
    log,
    get url() {
      if (info.listeningUrl === undefined) throw new Error('The service does not listen yet.');
      return info.listeningUrl;
    },
    listen: async () => {
      await options.beforeListen?.(nest);
      await nest.listen(options.http.port, options.http.host);
      const { port } = nest.getHttpServer().address() as AddressInfo;
      info.listeningUrl = urlOf({ ...options.http, port });
      return info.listeningUrl;
    },
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}

/** None where no key says whose list would count. */
async function revocationsOf(
  { revocationsKey, revocationsUrl, revocationsMaxAgeHours }: CommonConfig,
  stateDir: string,
  log: Log,
): Promise<RevocationList | undefined> {
  if (revocationsKey === undefined) {
    if (revocationsUrl === undefined && revocationsMaxAgeHours === 0) return undefined;
    throw new ServiceFault(
      exitCodes.badConfiguration,
      'A list of revocations needs PROXYLET_REVOCATIONS_KEY.',
    );
  }
  const maxAgeMs = revocationsMaxAgeHours === 0 ? undefined : revocationsMaxAgeHours * 3_600_000;
  const folder = join(stateDir, 'issuer-keys');
  return RevocationList.open({ url: revocationsUrl, key: revocationsKey, folder, maxAgeMs, log });
}

type Listening = Pick<CommonConfig, 'host' | 'port' | 'tlsCertPath'>;

async function tlsFilesOf({
  tlsCertPath: cert,
  tlsKeyPath: key,
}: CommonConfig): Promise<TlsFiles | undefined> {
  if (cert !== undefined && key !== undefined) return TlsFiles.open({ cert, key });
  if (cert === undefined && key === undefined) return undefined;
  throw new ServiceFault(exitCodes.badConfiguration, 'Certificate and key of TLS must be set together.');
}

function urlOf({ host, port, tlsCertPath }: Listening): string {
  const name = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  const scheme = tlsCertPath === undefined ? 'http' : 'https';
  return `${scheme}://${name.includes(':') ? `[${name}]` : name}:${port}`;
}
