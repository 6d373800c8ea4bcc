import type { IncomingMessage, ServerResponse } from 'node:http';
import { Problem } from '@proxylet/contract';
import { sendProblem } from '../problem/send-problem.js';
import type { CorsPolicy } from './cors.js';
import type { HostPolicy } from './host.js';
import { correlatorOf, traceIdOf } from './trace.js';

/** First look at every request; false where it has been answered and must go no further. */
export type Gate = (request: IncomingMessage, response: ServerResponse) => boolean;

/**
 * Gives the answer its trace headers, refuses a foreign `Host` (421) and answers preflights, all before any token
 * is looked at. Probes of an orchestrator name hosts of their own, so `/health` is open to every host.
 */
export function createGate(
  cors: CorsPolicy,
  hosts: HostPolicy,
  onRefused: (problem: Problem, request: IncomingMessage) => void = () => undefined,
): Gate {
  return (request, response) => {
    const traceId = traceIdOf(request);
    response.setHeader('x-trace-id', traceId);
    response.setHeader('fiware-correlator', correlatorOf(request));
    if (!hosts.allows(request) && request.url?.startsWith('/health/') !== true) {
      const sentence = 'This server does not answer for the name in the Host header.';
      const problem = new Problem('misdirected-request', sentence);
      onRefused(problem, request);
      sendProblem(response, problem, traceId);
      return false;
    }
    return !cors.apply(request, response);
  };
}

/** Headers of every answer of the control plane; an API has nothing to show in a frame and no scripts to run. */
export function setSafeHeaders(response: ServerResponse): void {
  response.setHeader('x-content-type-options', 'nosniff');
  response.setHeader('content-security-policy', "default-src 'none'; frame-ancestors 'none'");
  response.setHeader('cross-origin-resource-policy', 'same-origin');
  response.setHeader('referrer-policy', 'no-referrer');
  response.setHeader('x-frame-options', 'DENY');
}
