import type { IncomingMessage } from 'node:http';

export interface RunCors {
  /** Headers for the answer to this caller, names and values in turn. */
  headersFor(request: IncomingMessage): readonly string[];
  isPreflight(request: IncomingMessage): boolean;
}

const none: readonly string[] = [];

/**
 * CORS of calls: the engine's exact list decides, never the proxylet. Any header may be read by an allowed page:
 * credentials are never allowed, so the wildcard covers all (Fetch standard, CORS-exposed header names).
 */
export function runCors(origins: readonly string[]): RunCors {
  const byOrigin = new Map(
    origins.map((origin) => [
      origin,
      ['vary', 'Origin', 'access-control-allow-origin', origin, 'access-control-expose-headers', '*'],
    ]),
  );
  const others: readonly string[] = origins.length === 0 ? none : ['vary', 'Origin'];
  return {
    headersFor: ({ headers: { origin } }) =>
      origin === undefined ? others : (byOrigin.get(origin) ?? others),
    isPreflight: ({ method, headers }) =>
      method === 'OPTIONS' &&
      headers.origin !== undefined &&
      headers['access-control-request-method'] !== undefined,
  };
}
