import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

const traceparent = /^(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(?:-|$)/;
const correlatorForm = /^[\x21-\x7e]{1,128}$/;
const known = new WeakMap<IncomingMessage, string>();

/** Trace id of a request, 32 hex digits: the caller's (W3C `traceparent`) or a new one; the same all through. */
export function traceIdOf(request: IncomingMessage): string {
  const found = known.get(request);
  if (found !== undefined) return found;
  const id = callersTraceId(request) ?? randomUUID().replaceAll('-', '');
  known.set(request, id);
  return id;
}

/** `Fiware-Correlator` to answer with: the caller's where it has a sane form, else the trace id. */
export function correlatorOf(request: IncomingMessage): string {
  const given = request.headers['fiware-correlator'];
  return typeof given === 'string' && correlatorForm.test(given) ? given : traceIdOf(request);
}

function callersTraceId(request: IncomingMessage): string | undefined {
  const given = request.headers['traceparent'];
  if (typeof given !== 'string') return undefined;
  const id = traceparent.exec(given)?.[1];
  return id === undefined || /^0+$/.test(id) ? undefined : id;
}
