import Database from 'better-sqlite3';

/** How far one line of an installation's schedule has come. */
export interface LineState {
  readonly installationId: string;
  readonly cron: string;
  /** The last time that was due, ms since 1970. */
  readonly dueMs: number;
  readonly last: LastRun | undefined;
  /** The last time that was left out since the run before it was still under way. */
  readonly skippedMs: number | undefined;
}

export interface LastRun {
  /** The time it was due at. */
  readonly dueMs: number;
  readonly startedMs: number;
  /** Undefined while it runs, and for one that the engine's end cut short. */
  readonly endedMs: number | undefined;
  /** `ok`, or the code of the problem it ended with; undefined as `endedMs` is. */
  readonly outcome: string | undefined;
  readonly traceId: string;
}

const schema = `
CREATE TABLE IF NOT EXISTS lines (
  installation TEXT NOT NULL, cron TEXT NOT NULL, due_ms INTEGER NOT NULL, skipped_ms INTEGER, last TEXT,
  PRIMARY KEY (installation, cron)
) STRICT, WITHOUT ROWID;
`;

interface Row {
  readonly installation: string;
  readonly cron: string;
  readonly due_ms: number;
  readonly skipped_ms: number | null;
  readonly last: string | null;
}

/**
 * What outlives the engine of its schedules, in a SQLite file used directly, as key-value data is: a run writes twice
 * and must not wait for the installations' tables. A write survives the death of the process; after a loss of power the
 * last time due may be run again.
 */
export class ScheduleStore implements Disposable {
  private readonly database: Database;
  private readonly put: ReturnType<Database['prepare']>;
  private readonly remove: ReturnType<Database['prepare']>;

  constructor(file: string) {
    this.database = new Database(file, { timeout: 2000 });
    this.database.pragma('journal_mode = WAL');
    this.database.pragma('synchronous = NORMAL');
    this.database.exec(schema);
    this.put = this.database.prepare(
      'INSERT OR REPLACE INTO lines (installation, cron, due_ms, skipped_ms, last) VALUES (?, ?, ?, ?, ?)',
    );
    this.remove = this.database.prepare('DELETE FROM lines WHERE installation = ? AND cron = ?');
  }

  all(): LineState[] {
    const rows = this.database.prepare('SELECT * FROM lines').all() as Row[];
    return rows.map((row) => ({
      installationId: row.installation,
      cron: row.cron,
      dueMs: row.due_ms,
      skippedMs: row.skipped_ms ?? undefined,
      last: row.last === null ? undefined : (JSON.parse(row.last) as LastRun),
    }));
  }

  save({ installationId, cron, dueMs, skippedMs, last }: LineState): void {
    this.put.run(
      installationId,
      cron,
      dueMs,
      skippedMs ?? null,
      last === undefined ? null : JSON.stringify(last),
    );
  }

  delete(installationId: string, cron: string): void {
    this.remove.run(installationId, cron);
  }

  [Symbol.dispose](): void {
    this.database.close();
  }
}
