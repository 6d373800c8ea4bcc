import type { IncomingMessage } from 'node:http';
import { newTrace, type TraceContext, traceparent } from '@proxylet/sandbox';

/** W3C Trace Context §3.3: what is longer need not be passed on. */
const maxStateChars = 512;
const stateForm = /^[\x20-\x7e]*$/;

/** What a guest is told of its own span, in place of the caller's headers; added to `headers`. */
export function addTraceHeaders(headers: string[], traceId: string, trace: TraceContext): void {
  headers.push('traceparent', traceparent(traceId, trace));
  if (trace.state !== undefined) headers.push('tracestate', trace.state);
}

/**
 * The span of a call whose caller sent `traceparent`: its flags and `tracestate` go on, under a span of our own.
 *
 * @param traceId as taken from the header; another one where that is not valid, and the call then begins a trace
 */
export function continuedTrace({ headers }: IncomingMessage, traceId: string): TraceContext {
  const { traceparent: given, tracestate } = headers;
  const own = newTrace();
  if (typeof given !== 'string' || given.slice(3, 35) !== traceId) return own;
  const state = typeof tracestate === 'string' ? tracestate : tracestate?.join(',');
  const isSound = state !== undefined && state.length <= maxStateChars && stateForm.test(state);
  return { ...own, flags: given.slice(53, 55), state: isSound ? state : undefined };
}
