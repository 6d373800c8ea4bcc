/** What codes of drivers, servers and systems mean for whoever operates them. */
const meanings: readonly (readonly [RegExp, string])[] = [
  [/^ECONNREFUSED$/, 'nobody listens at its address'],
  [/^(?:ENOTFOUND|EAI_AGAIN)$/, 'its host name cannot be resolved'],
  [/^(?:ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT)$/, 'it cannot be reached'],
  [/^(?:ECONNRESET|EPIPE|08\w{3})$/, 'it breaks off connections'],
  [/^(?:28\w{3}|InvalidAccessKeyId|SignatureDoesNotMatch|AccessDenied)$/, 'it refuses the credentials'],
  [/^3D000$/, 'there is no such database'],
  [/^57P0[1-3]$/, 'it is starting or stopping'],
  [/^53\w{3}$/, 'it is out of connections, memory or disk'],
  [/^NoSuchBucket$/, 'there is no such bucket'],
  [/^(?:ENOSPC|EDQUOT|SQLITE_FULL)$/, 'its disk is full'],
  [/^(?:EROFS|EACCES|EPERM|SQLITE_READONLY\w*|SQLITE_PERM)$/, 'it may not be written to'],
  [/^(?:ENOENT|ENOTDIR|EEXIST|ENXIO|SQLITE_CANTOPEN\w*)$/, 'its folder is gone'],
  [/^(?:EIO|SQLITE_IOERR\w*|58\w{3})$/, 'its disk fails'],
  [/^(?:SQLITE_CORRUPT\w*|SQLITE_NOTADB|XX\w{3})$/, 'its files are damaged'],
  [/^SQLITE_(?:BUSY|LOCKED)\w*$/, 'somebody else holds its file'],
];

/**
 * Why a dependency cannot be used, in words an operator can act on. Made of the error's code only: messages may hold
 * addresses, user names and more.
 */
export function downReason(what: string, error: unknown): string {
  const code = innermostCode(error);
  if (code === undefined) return `${what} does not answer as it should`;
  const meaning = meanings.find(([pattern]) => pattern.test(code))?.[1];
  return meaning === undefined ? `${what} failed (${code})` : `${what}: ${meaning} (${code})`;
}

/** Problems wrap what a driver threw, drivers wrap what the system said: the deepest code says most. */
function innermostCode(error: unknown, depth = 0): string | undefined {
  if (!(error instanceof Error) || depth > 5) return undefined;
  const inner = 'driverError' in error ? error.driverError : error.cause;
  const several = error instanceof AggregateError ? (error.errors[0] as unknown) : undefined;
  const deeper = innermostCode(inner, depth + 1) ?? innermostCode(several, depth + 1);
  if (deeper !== undefined) return deeper;
  // Of a problem it would be our own word for it.
  if (error.name === 'Problem') return undefined;
  return 'code' in error && typeof error.code === 'string' && /^\w{1,64}$/.test(error.code)
    ? error.code
    : undefined;
}

/** A health check whose reason is one an operator can act on. */
export function checked(what: string, probe: () => Promise<void>): () => Promise<void> {
  return async () => {
    try {
      await probe();
    } catch (error) {
      throw new Error(downReason(what, error), { cause: error });
    }
  };
}
