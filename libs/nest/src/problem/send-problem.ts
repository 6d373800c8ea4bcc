import type { ServerResponse } from 'node:http';
import type { Problem } from '@proxylet/contract';

export const problemContentType = 'application/problem+json';

/**
 * Answers with a problem on a bare Node response, inside Nest or outside. Where an answer has already begun it can
 * only be broken off, so that the caller does not take a half one for whole.
 */
export function sendProblem(
  response: ServerResponse,
  problem: Problem,
  traceId: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const body = Buffer.from(JSON.stringify(problem.toBody(traceId)));
  response.writeHead(problem.status, {
    ...problemHeaders(problem),
    ...headers,
    'content-type': problemContentType,
    'content-length': String(body.byteLength),
    'x-trace-id': traceId,
  });
  response.end(body);
}

/** Headers a problem brings along by itself. A refusal must not be answered out of a cache. */
export function problemHeaders(problem: Problem): Record<string, string> {
  const headers: Record<string, string> = { 'cache-control': 'no-store' };
  if (problem.retryAfterSeconds !== undefined) headers['retry-after'] = String(problem.retryAfterSeconds);
  return headers;
}

/** RFC 6749 §3.3: what may stand in a quoted scope. */
const scopeForm = /^[\x21\x23-\x5b\x5d-\x7e ]+$/;

export interface ChallengeSource {
  readonly publicUrl: string;
  readonly name: string;
}

/**
 * `WWW-Authenticate` of a 401 or 403 (RFC 6750 §3, RFC 9728 §5.1); undefined for every other problem. Without
 * credentials there is no error code, so that a client just learns where to get a token.
 */
export function challenge(problem: Problem, { publicUrl, name }: ChallengeSource): string | undefined {
  const realm = `Bearer realm="proxylet-${name}"`;
  const metadata = `resource_metadata="${publicUrl}/.well-known/oauth-protected-resource"`;
  if (problem.code === 'no-credentials') return `${realm}, ${metadata}`;
  if (problem.status === 401) return `${realm}, error="invalid_token", ${metadata}`;
  if (problem.code !== 'insufficient-scope') return undefined;
  const scope = problem.extra?.['scope'];
  const named = typeof scope === 'string' && scopeForm.test(scope) ? `, scope="${scope}"` : '';
  return `${realm}, error="insufficient_scope"${named}, ${metadata}`;
}
