import type { IncomingMessage, ServerResponse } from 'node:http';

export interface CorsPolicy {
  /** Sets the headers the caller's origin may have; true where this was a preflight, which is answered then. */
  apply(request: IncomingMessage, response: ServerResponse): boolean;
}

const exposed = 'WWW-Authenticate, DPoP-Nonce, ETag, Location, Retry-After, X-Trace-Id, Fiware-Correlator';
const methods = 'GET, HEAD, POST, PUT, PATCH, DELETE';
const maxAgeSeconds = 600;
const headerList = /^[A-Za-z0-9!#$%&'*+.^_`|~, -]{0,1024}$/;

/**
 * CORS by an exact list of origins. A preflight is answered before any token is looked at and has no effect; an
 * origin not on the list gets no CORS header, so that a browser keeps the answer from the page. Credentials
 * (cookies) are never allowed: access is by token alone.
 */
export function corsPolicy(origins: readonly string[]): CorsPolicy {
  const allowed = new Set(origins);
  return {
    apply: (request, response) => {
      response.appendHeader('vary', 'Origin');
      const origin = request.headers.origin;
      const isAllowed = origin !== undefined && allowed.has(origin);
      if (isAllowed) {
        response.setHeader('access-control-allow-origin', origin);
        response.setHeader('access-control-expose-headers', exposed);
      }
      if (!isPreflight(request)) return false;
      if (isAllowed) allowPreflight(request, response);
      response.writeHead(204, { 'content-length': '0' }).end();
      return true;
    },
  };
}

function isPreflight({ method, headers }: IncomingMessage): boolean {
  return (
    method === 'OPTIONS' &&
    headers.origin !== undefined &&
    headers['access-control-request-method'] !== undefined
  );
}

function allowPreflight(request: IncomingMessage, response: ServerResponse): void {
  const wanted = request.headers['access-control-request-headers'];
  response.setHeader('access-control-allow-methods', methods);
  response.setHeader('access-control-max-age', String(maxAgeSeconds));
  // Browsers from before Local Network Access ask the server, those since ask the user.
  if (request.headers['access-control-request-private-network'] === 'true')
    response.setHeader('access-control-allow-private-network', 'true');
  response.appendHeader('vary', 'Access-Control-Request-Headers');
  if (typeof wanted === 'string' && headerList.test(wanted)) {
    response.setHeader('access-control-allow-headers', wanted);
  }
}
