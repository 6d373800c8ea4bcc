import { HttpException } from '@nestjs/common';
import { Problem, type ProblemCode } from '@proxylet/contract';

/** Codes for the refusals of Fastify and Nest themselves, which know only a status. */
const byStatus: Readonly<Record<number, readonly [ProblemCode, string]>> = {
  400: ['invalid-request', 'The request cannot be read.'],
  404: ['not-found', 'There is nothing at this address.'],
  405: ['method-not-allowed', 'This address has no such method.'],
  406: ['not-acceptable', 'None of the accepted forms can be produced.'],
  408: ['invalid-request', 'The request did not arrive in time.'],
  413: ['body-too-large', 'The request body is larger than this route takes.'],
  414: ['invalid-request', 'The address is too long.'],
  415: ['unsupported-media-type', 'This route does not take this content type.'],
  416: ['range-not-satisfiable', 'The byte range lies outside the object.'],
  417: ['invalid-request', 'The expectation cannot be met.'],
  429: ['too-many-requests', 'Too many requests; wait a little.'],
  431: ['invalid-request', 'The request headers are too large.'],
  503: ['not-ready', 'The service is stopping or not ready yet.'],
};

/** Every error as a problem; one that nobody foresaw becomes `internal`, and what it says stays in the log. */
export function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  const known = byStatus[statusOf(error)];
  if (known === undefined) return new Problem('internal', 'Something broke on our side.', { cause: error });
  const [code, sentence] = known;
  return new Problem(code, sentence, { cause: new Error(kindOf(error)) });
}

/** For the log: their messages quote the address or the body, and what was sent may be a secret at the wrong place. */
function kindOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (typeof code === 'string') return code;
  return error instanceof Error ? error.name : 'unknown';
}

function statusOf(error: unknown): number {
  if (error instanceof HttpException) return error.getStatus();
  // A library's error is believed only where it is one of the server's own; any other status is an accident.
  if (!(error instanceof Error)) return 500;
  const { code, statusCode } = error as { code?: unknown; statusCode?: unknown };
  const isFastify = typeof code === 'string' && (code.startsWith('FST_') || code.startsWith('SJP_'));
  if (isFastify && typeof statusCode === 'number') return statusCode;
  return error instanceof SyntaxError && statusCode === 400 ? 400 : 500;
}
