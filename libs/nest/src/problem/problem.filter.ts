import { type ArgumentsHost, Catch, type ExceptionFilter } from '@nestjs/common';
import type { Problem, ProblemCode } from '@proxylet/contract';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { principalOf } from '../auth/access.js';
import type { FloodLimits } from '../flood/flood-limits.js';
import { traceIdOf } from '../http/trace.js';
import type { Log } from '../service/log.js';
import {
  challenge,
  type ChallengeSource,
  problemContentType,
  problemHeaders,
  sendProblem,
} from './send-problem.js';
import { RefusalLines } from './refusal-lines.js';
import { toProblem } from './to-problem.js';

/** Turns whatever a route throws into `application/problem+json`, and tells the log whose fault it was. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(
    private readonly log: Log,
    private readonly source: ChallengeSource,
    private readonly limits: FloodLimits,
  ) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const reply = http.getResponse<FastifyReply>();
    const problem = toProblem(error);
    const traceId = traceIdOf(request.raw);
    this.limits.note(problem, request.raw);
    logProblem(this.log, problem, {
      traceId,
      method: request.method,
      route: request.routeOptions.url,
      address: this.limits.clients.of(request.raw),
      principal: principalOf(request)?.key,
    });
    const wwwAuthenticate = challenge(problem, this.source);
    const headers = wwwAuthenticate === undefined ? {} : { 'www-authenticate': wwwAuthenticate };
    if (reply.sent || reply.raw.headersSent) {
      sendProblem(reply.raw, problem, traceId, headers);
      return;
    }
    void reply
      .code(problem.status)
      .headers({ ...problemHeaders(problem), ...headers, 'content-type': problemContentType })
      // As bytes: to text Fastify would add a charset, which this media type does not have.
      .send(Buffer.from(JSON.stringify(problem.toBody(traceId))));
  }
}

/** Loud where an operator or we must act, quiet where the caller must; a refused token's failed check is kept. */
export function logProblem(log: Log, problem: Problem, fields: Readonly<Record<string, unknown>>): void {
  const entry = { ...fields, code: problem.code, detail: problem.detail };
  switch (problem.blame) {
    case 'us':
      log.error({ ...entry, err: problem.cause ?? problem }, 'request failed');
      return;
    case 'operator':
      log.warn({ ...entry, ...reasonOf(problem) }, 'request failed');
      return;
    case 'caller':
    case 'guest':
      logRefusal(log, problem, entry);
      return;
    default:
      problem.blame satisfies never;
  }
}

/** Refusals that tell of somebody who tries doors. */
const telling: ReadonlySet<ProblemCode> = new Set([
  'invalid-token',
  'token-expired',
  'token-revoked',
  'token-reused',
  'token-address-refused',
  'trust-policy-mismatch',
  'insufficient-scope',
  'forbidden',
  'tenant-refused',
  'misdirected-request',
  'too-many-requests',
]);
const lines = new WeakMap<Log, RefusalLines>();

function logRefusal(log: Log, problem: Problem, entry: object): void {
  if (!telling.has(problem.code)) {
    log.debug({ ...entry, ...reasonOf(problem) }, 'request refused');
    return;
  }
  const known = lines.get(log) ?? new RefusalLines();
  lines.set(log, known);
  const left = known.admit(problem.code);
  if (left === undefined) return;
  const leftOut = left === 0 ? {} : { leftOut: left };
  log.info({ ...entry, ...reasonOf(problem), ...leftOut }, 'request refused');
}

function reasonOf({ cause }: Problem): { readonly reason?: string } {
  return cause instanceof Error ? { reason: cause.message } : {};
}
