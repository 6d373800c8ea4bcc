import { randomIds } from './random-ids.js';
import type { TraceContext } from '../types.js';

/** A new W3C trace id, 32 hex digits. */
export const newTraceId = randomIds(16);
/** A new W3C span id, 16 hex digits. */
export const newSpanId = randomIds(8);

/** A span that nobody outside began. Its trace is recorded: each line of its logs carries the trace id. */
export function newTrace(): TraceContext {
  return { spanId: newSpanId(), flags: '01', state: undefined };
}

/** W3C Trace Context §3.2. */
export function traceparent(traceId: string, { spanId, flags }: TraceContext): string {
  return `00-${traceId}-${spanId}-${flags}`;
}

/**
 * Names and values in turn of a request made in a call, with the call's place in its trace unless they name one.
 * A `tracestate` without `traceparent` means nothing, so both are the guest's or both ours.
 */
export function withTrace(
  headers: readonly string[],
  traceId: string,
  trace: TraceContext,
): readonly string[] {
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i]?.toLowerCase() === 'traceparent') return headers;
  }
  const own = ['traceparent', traceparent(traceId, trace)];
  if (trace.state !== undefined) own.push('tracestate', trace.state);
  return [...headers.filter((_, i) => headers[i - (i % 2)]?.toLowerCase() !== 'tracestate'), ...own];
}
