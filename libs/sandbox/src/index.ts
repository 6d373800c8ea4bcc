export * from './host/sandbox.js';
export { type BodyCap, CappedBody } from './host/capped-body.js';
export { PassedBody } from './host/passed-body.js';
export { newSpanId, newTrace, newTraceId, traceparent, withTrace } from './host/trace.js';
export * from './limits.js';
export * from './types.js';
export type { SandboxLimits } from './host/sandbox-limits.js';
