export {
  type Access,
  CurrentPrincipal,
  Public,
  principalOf,
  RequireScopes,
  type ScopeRequirement,
} from './auth/access.js';
export { ExtraAccess, type OwnTokens } from './auth/extra-access.js';
export * from './config/common-settings.js';
export * from './config/describe-config.js';
export { ConfigFault, type Environment, loadConfig } from './config/load-config.js';
export * from './config/settings.js';
export { Endpoint, type EndpointSpec, type RawAnswer } from './endpoint/endpoint.js';
export { ClientAddress } from './flood/client-address.js';
export { FloodLimits } from './flood/flood-limits.js';
export { callerAddress, RateLimit } from './flood/rate-limit.js';
export { Body, Params, Query } from './endpoint/input.interceptor.js';
export * from './http/address.js';
export { isAddressRange, isWithin, rangeMatcher } from './http/address-ranges.js';
export { type CallerFacts, callerFacts } from './http/caller-facts.js';
export * from './http/cors.js';
export * from './http/etag.js';
export { createGate, type Gate, setSafeHeaders } from './http/gate.js';
export * from './http/host.js';
export * from './http/paging.js';
export { findUnfitText } from './http/plain-text.js';
export { tenantHeaderOf } from './http/tenant-header.js';
export { correlatorOf, traceIdOf } from './http/trace.js';
export { openApiDocument } from './openapi/document.js';
export { logProblem } from './problem/problem.filter.js';
export * from './problem/send-problem.js';
export { toProblem } from './problem/to-problem.js';
export * from './sealing/key-file.js';
export * from './sealing/sealing-key.js';
export * from './service/create-app.js';
export type { FrontHandler } from './service/fastify.js';
export * from './service/health.js';
export { createLog, InjectLog, LOG, type Log, type LogOptions } from './service/log.js';
export { Metrics } from './service/metrics.js';
export * from './service/run-service.js';
export { exitCodes, type ExitCode, ServiceFault } from './service/service-fault.js';
export { ServiceInfo } from './service/service-info.js';
