import { stdSerializers } from 'pino';

/** Members of an error that tell what broke and hold nothing of what was being worked on. */
const safe = new Set([
  'code',
  'errno',
  'syscall',
  'address',
  'port',
  'status',
  'statusCode',
  'table',
  'column',
  'constraint',
]);
/** Errors of errors are followed so far. */
const maxDepth = 4;

/**
 * An error for the log: kind, message, stack with its causes, and a few members that are known. Whatever else a
 * library puts on its errors stays out: of the database's these are the values of the statement, secrets among them.
 */
export function serializeError(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return typeof error === 'object' ? '[not logged]' : error;
  const { type, message, stack } = stdSerializers.err(error);
  const members = Object.entries(error).filter(
    ([name, value]) => safe.has(name) && (typeof value === 'string' || typeof value === 'number'),
  );
  return { type, message, stack, ...Object.fromEntries(members), ...innerOf(error, depth + 1) };
}

function innerOf(error: Error, depth: number): Readonly<Record<string, unknown>> {
  if (depth > maxDepth) return {};
  const several = error instanceof AggregateError ? error.errors : undefined;
  return {
    ...(error.cause instanceof Error ? { cause: serializeError(error.cause, depth) } : {}),
    ...(several === undefined ? {} : { errors: several.map((one) => serializeError(one, depth)) }),
  };
}
