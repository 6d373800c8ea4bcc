import { Problem } from '@proxylet/contract';

/** Answers of SQLite that mean the file or its disk, not the query. Extended codes begin with these. */
const sqliteFaults = /^SQLITE_(?:FULL|IOERR|READONLY|CANTOPEN|CORRUPT|NOTADB|BUSY|LOCKED|PERM|AUTH|PROTOCOL)/;
/** SQLSTATE classes 08 connection, 53 resources, 57P shutdown, 58 system, XX storage; deadlocks that do not end. */
const postgresFaults = /^(?:08|53|57P|58|XX|40P01|40001)/;
const systemFaults =
  /^(?:ENOSPC|EDQUOT|EIO|EROFS|EACCES|EPERM|EMFILE|ENFILE|ENOENT|ENOTDIR|EISDIR|ENXIO|ESTALE|EFBIG|EEXIST|ECONN\w+|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN|EPIPE)$/;

/**
 * An error of the database, disk or store as the problem a caller may see; what is no fault of storage comes back
 * as it is. The cause goes to the log.
 */
export function asStorageProblem(error: unknown): unknown {
  if (error instanceof Problem || !isStorageFault(error)) return error;
  return new Problem(
    'storage-unavailable',
    'The catalog cannot use its storage at the moment; nothing was changed.',
    {
      cause: error,
      retryAfterSeconds: 5,
    },
  );
}

/** Runs work on storage; its faults come out as `storage-unavailable`. */
export async function onStorage<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw asStorageProblem(error);
  }
}

/** PostgreSQL ended a transaction so that others could go on. */
export function isDeadlock(error: unknown): boolean {
  return /^(?:40P01|40001)$/.test(codeOf(error) ?? '');
}

function isStorageFault(error: unknown): boolean {
  const code = codeOf(error);
  if (code === undefined)
    return (
      error instanceof Error && /^(?:Connection terminated|timeout exceeded when trying)/.test(error.message)
    );
  return (
    sqliteFaults.test(code) ||
    systemFaults.test(code) ||
    (/^[0-9A-Z]{5}$/.test(code) && postgresFaults.test(code))
  );
}

/** The code of the error or of what the query builder wrapped. */
function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if ('code' in error && typeof error.code === 'string') return error.code;
  return 'driverError' in error ? codeOf(error.driverError) : undefined;
}
