import { join } from 'node:path';
import Database from 'better-sqlite3';

/** The state folder is in use by another engine that still runs. */
export class StateLockedError extends Error {
  override readonly name = 'StateLockedError';
}

/**
 * Takes the state folder for this process alone. The lock is one of the operating system's file locks, held through
 * SQLite's exclusive mode: it ends with the process however that ends, so a crash leaves nothing to clear away.
 *
 * @throws StateLockedError when another engine holds it
 */
export function lockState(folder: string): Disposable {
  const database = new Database(join(folder, 'engine.lock'), { timeout: 0 });
  try {
    database.pragma('journal_mode = DELETE');
    database.pragma('locking_mode = EXCLUSIVE');
    database.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if (isBusy(error)) {
      throw new StateLockedError(
        'The state folder is in use by another engine; stop that one or give this one its own PROXYLET_STATE_DIR.',
      );
    }
    throw error;
  }
  return { [Symbol.dispose]: () => database.close() };
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'SQLITE_BUSY';
}
