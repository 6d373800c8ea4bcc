import type { Database } from '../database/database.js';
import { statement } from '../database/sql.js';

/** Every change of what can be read is audited in its own transaction, and the order of entries is that of commits. */
const newestEntry = statement<{ seq: number | string }>('SELECT seq FROM audit ORDER BY seq DESC LIMIT 1');

/**
 * Tells whether anything was committed since something was read, by this process or another: the stamp is asked for
 * after a request came, so an answer is never older than the request.
 */
export interface Freshness {
  stamp(): number | Promise<number>;
}

export function freshnessOf(database: Database): Freshness {
  return database.kind === 'postgres' ? new AuditFreshness(database) : new FileFreshness(database);
}

interface SqliteConnection {
  prepare(text: string): { pluck(): { get(): number } };
}

/** SQLite says so itself, without a look at any table. */
class FileFreshness implements Freshness {
  private readonly version: { get(): number };

  constructor(database: Database) {
    const { databaseConnection } = database.read.dataSource.driver as unknown as {
      readonly databaseConnection: SqliteConnection;
    };
    this.version = databaseConnection.prepare('PRAGMA data_version').pluck();
  }

  stamp(): number {
    return this.version.get();
  }
}

/** One question at a time serves all requests that came before it was sent. */
class AuditFreshness implements Freshness {
  private underway: Promise<unknown> = Promise.resolve();
  private next: Promise<number> | undefined;

  constructor(private readonly database: Database) {}

  stamp(): Promise<number> {
    this.next ??= this.underway.then(() => this.ask());
    return this.next;
  }

  private ask(): Promise<number> {
    this.next = undefined;
    const answer = newestEntry(this.database.read).then(([row]) => Number(row?.seq ?? 0));
    this.underway = answer.catch(() => undefined);
    return answer;
  }
}
